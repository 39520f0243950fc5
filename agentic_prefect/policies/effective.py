"""Which value of a policy holds for a task, and where it was set: the nearest one wins."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.policy import (
    FailurePolicy,
    FailureRule,
    Fallback,
    PolicyKey,
    RetryConfig,
    SkipDependents,
)
from agentic_prefect.models.task import AgentTask, TaskFields

BUILT_IN_RETRIES: Final = 3
"""How many more attempts a retryable error gets when nobody says otherwise."""
BUILT_IN_TIMEOUT_S: Final = 120.0
"""Seconds that an attempt gets when nobody says otherwise."""
BUILT_IN_MAX_TURNS: Final = 25
"""How often an attempt of an agent may ask its model when nobody says otherwise."""
UNTIMED_KINDS: Final = frozenset({"human", "plan", "deployment"})
"""Kinds that wait for people or for other tasks: they have no time limit but one that is set on the task itself. What
is set for many tasks is meant for one request."""
RETRYABLE_CODES: Final = (
    ErrorCode.RATE_LIMIT,
    ErrorCode.TIMEOUT,
    ErrorCode.CONNECTION,
    ErrorCode.SERVER,
    ErrorCode.OVERLOADED,
    ErrorCode.VERIFICATION_FAILED,
)
"""Errors that another attempt may mend."""
BUILT_IN_RETRY: Final = RetryConfig(
    backoff="exponential", base_s=1.0, max_s=60.0, jitter_ratio=0.25, timeout_factor=1.0, on=RETRYABLE_CODES
)
"""How long to wait between attempts when nobody says otherwise."""
BUILT_IN_POLICY: Final[FailurePolicy] = {ErrorCode.INVALID_OUTPUT: FailureRule(repair=2)}
"""An answer of the wrong form is shown to the model twice before the attempt counts as failed."""

POLICY_FIELDS: Final = tuple(PolicyFields.model_fields)
ADDED_FIELDS: Final = ("context", "tags")
"""Fields to which a task adds instead of replacing the plan's default."""
_TWINS: Final = {"retry": "retries", "then": "on_failure"}
"""Field of the default rule -> the task field that says the same."""
_NOTHING: Final = PolicyFields()


@dataclass(frozen=True, slots=True)
class Explained:
    """One value that holds for a task."""

    field: str
    """`timeout_s`, `retry.base_s`, `failure_policy.timeout.retry`, …"""
    value: Any
    origin: str
    """`task`, `agent NAME`, `plan defaults`, `run option`, `setting` or `built-in`."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """One place where fields may be set."""

    origin: str
    fields: PolicyFields
    names: frozenset[str]
    """The fields that are set here."""

    def __getitem__(self, field: str) -> Any:
        return getattr(self.fields, field)


def effective_plan(plan: Plan, *, run: PolicyFields = _NOTHING, settings: PolicyFields = _NOTHING) -> Plan:
    """The plan with every field that holds for a task written on the task itself, and no defaults left.

    The nearest value that was set wins: task, agent, plan defaults, run option, setting, built-in. `retry` and
    `failure_policy` are merged field by field; to `context` and `tags` a task adds. Applied twice it changes nothing.

    Args:
        plan: The plan as it was written. `timeout_s: null` in it means no time limit.
        run: What was set for this run; `None` is not set.
        settings: What was set for all runs; `None` is not set.
    """
    outer: dict[tuple[str | None, str], tuple[_Layer, ...]] = {}
    tasks: list[AgentTask] = []
    for task in plan.tasks:
        key = _agent_and_kind(plan, task)
        if key not in outer:
            outer[key] = _outer_layers(plan, *key, run, settings)
        rows = _whole_fields(task.id, (_layer_of_task(task), *outer[key]))
        tasks.append(task.model_copy(update={row.field: row.value for row in rows}))
    return plan.model_copy(update={"tasks": tuple(tasks), "defaults": TaskFields()})


def explain_task(
    plan: Plan, task_id: str, *, run: PolicyFields = _NOTHING, settings: PolicyFields = _NOTHING
) -> tuple[Explained, ...]:
    """Every value that holds for a task, with the place where it was set.

    Args:
        plan: The plan as it was written; in an effective plan everything was set on the task.
        task_id: Which task.
        run: What was set for this run.
        settings: What was set for all runs.

    Raises:
        KeyError: The plan has no such task.
    """
    task = plan.task(task_id)
    layers = (_layer_of_task(task), *_outer_layers(plan, *_agent_and_kind(plan, task), run, settings))
    rows: list[Explained] = []
    for row in _whole_fields(task_id, layers):
        match row.field:
            case "retry":
                rows += _retry_rows(layers)
            case "failure_policy":
                rows += [
                    Explained(f"failure_policy.{key}.{name}", *found) for key, name, found in _rules(task_id, layers)
                ]
            case field if field in ADDED_FIELDS:
                rows += [
                    Explained(field, layer[field], layer.origin) for layer in reversed(layers) if field in layer.names
                ]
            case _:
                rows.append(row)
    return tuple(rows)


def _agent_and_kind(plan: Plan, task: AgentTask) -> tuple[str | None, str]:
    """The agent and the kind that hold for a task; they decide which further places there are."""
    agent = task.agent if "agent" in task.model_fields_set else plan.defaults.agent
    return agent, task.kind if "kind" in task.model_fields_set else plan.defaults.kind


def _layer_of_task(task: AgentTask) -> _Layer:
    return _Layer("task", task, _set_in(task) - {"id"})


def _outer_layers(
    plan: Plan, agent_name: str | None, kind: str, run: PolicyFields, settings: PolicyFields
) -> tuple[_Layer, ...]:
    """Where the fields of a task may be set besides the task itself, the nearest place first."""
    agent = plan.agents.get(agent_name or "")
    built_in = PolicyFields(
        timeout_s=None if kind in UNTIMED_KINDS else BUILT_IN_TIMEOUT_S,
        retries=BUILT_IN_RETRIES,
        max_turns=BUILT_IN_MAX_TURNS if kind == "agent" else None,
        retry=BUILT_IN_RETRY,
        on_failure=SkipDependents(),
        failure_policy=BUILT_IN_POLICY,
    )
    deaf = frozenset({"timeout_s"} if kind in UNTIMED_KINDS else ())
    policy = frozenset(POLICY_FIELDS) - deaf  # an agent has fields of its own that mean something else
    layers = [_Layer(f"agent {agent_name}", agent, _set_in(agent) & policy)] if agent is not None else []
    layers.append(_Layer("plan defaults", plan.defaults, _set_in(plan.defaults) - deaf))
    for origin, fields in (("run option", run), ("setting", settings)):
        given = frozenset(name for name in _set_in(fields) & policy if getattr(fields, name) is not None)
        layers.append(_Layer(origin, fields, given))
    return (*layers, _Layer("built-in", built_in, _set_in(built_in)))


def _set_in(fields: PolicyFields) -> frozenset[str]:
    """The fields that say something: null does only where it means that there is no limit."""
    return frozenset(
        name
        for name in fields.model_fields_set
        if name not in POLICY_FIELDS or name == "timeout_s" or getattr(fields, name) is not None
    )


def _whole_fields(task_id: str, layers: tuple[_Layer, ...]) -> Iterator[Explained]:
    """Every field that anybody set, merged, in the order of the model."""
    named = frozenset[str]().union(*(layer.names for layer in layers))
    for field in TaskFields.model_fields:
        if field not in named:
            continue
        setters = [layer for layer in layers if field in layer.names]
        match field:
            case "retry":
                value: Any = RetryConfig.model_construct(
                    set(RetryConfig.model_fields),
                    **{row.field.removeprefix("retry."): row.value for row in _retry_rows(setters)},
                )
            case "failure_policy":
                value = _merged_rules(task_id, layers)
            case "on_failure":
                setters = [layer for layer in setters if not _is_own_fallback(task_id, layer, layer[field])]
                value = setters[0][field]
            case _ if field in ADDED_FIELDS:
                value = _without_repetition(part for layer in reversed(setters) for part in layer[field])
            case _:
                value = setters[0][field]
        yield Explained(field, value, setters[0].origin)


def _without_repetition(parts: Iterable[Any]) -> tuple[Any, ...]:
    kept: list[Any] = []
    for part in parts:
        if part not in kept:
            kept.append(part)
    return tuple(kept)


def _is_own_fallback(task_id: str, layer: _Layer, action: object) -> bool:
    """Whether fallbacks that are set for many tasks would fall back to the task itself; they do not hold for it."""
    return isinstance(action, Fallback) and task_id in action.chain and layer.origin != "task"


def _retry_rows(layers: Iterable[_Layer]) -> list[Explained]:
    configs = [(layer.origin, cast("RetryConfig", layer["retry"])) for layer in layers if "retry" in layer.names]
    rows: list[Explained] = []
    for name in RetryConfig.model_fields:
        found = next(
            ((value, origin) for origin, config in configs if (value := getattr(config, name)) is not None), None
        )
        if found is not None:
            rows.append(Explained(f"retry.{name}", *found))
    return rows


def _merged_rules(task_id: str, layers: tuple[_Layer, ...]) -> FailurePolicy:
    fields: dict[PolicyKey, dict[str, Any]] = {}
    for key, name, (value, _) in _rules(task_id, layers):
        fields.setdefault(key, {})[name] = value
    return {key: FailureRule(**rule) for key, rule in fields.items()}


def _rules(task_id: str, layers: tuple[_Layer, ...]) -> Iterator[tuple[PolicyKey, str, tuple[Any, str]]]:
    """Code, field, and value with origin, of everything that the failure policies say, merged."""
    policies = [
        (place, layer, cast("FailurePolicy", layer["failure_policy"]))
        for place, layer in enumerate(layers)
        if "failure_policy" in layer.names
    ]
    keys: dict[PolicyKey, None] = {key: None for _, _, policy in policies for key in policy}
    for key in keys:
        for name in FailureRule.model_fields:
            limit = _place_of_twin(layers, name) if key == "default" else len(layers)
            for place, layer, policy in policies:
                value = getattr(policy[key], name) if key in policy else None
                if value is None or place > limit or _is_own_fallback(task_id, layer, value):
                    continue
                yield key, name, (value, layer.origin)
                break


def _place_of_twin(layers: tuple[_Layer, ...], name: str) -> int:
    """How far out the default rule's field counts: the task field that says the same outranks it from nearer by."""
    for place, layer in enumerate(layers[:-1]):
        if name in _TWINS:
            if _TWINS[name] in layer.names:
                return place
        elif "retry" in layer.names and getattr(layer["retry"], name, None) is not None:
            return place
    return len(layers)
