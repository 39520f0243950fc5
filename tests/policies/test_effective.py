"""Which value of a policy holds for a task, and where it was set."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.policy import Abort, Continue, FailureRule, Fallback, RetryConfig, SkipDependents
from agentic_prefect.models.task import AgentTask, TaskFields
from agentic_prefect.policies.effective import Explained, effective_plan, explain_task
from agentic_prefect.testing.builders import make_plan

PLACES = ("task", "agent w", "plan defaults", "run option", "setting", "built-in")


def plan_with(places: dict[str, dict[str, Any]], **task: Any) -> tuple[Plan, PolicyFields, PolicyFields]:
    """A plan, run options and settings with these fields set at these places."""
    plan = make_plan(
        {"id": "t", "agent": "w", **task, **places.get("task", {})},
        agents={"w": places.get("agent w", {})},
        defaults=places.get("plan defaults", {}),
    )
    return plan, PolicyFields(**places.get("run option", {})), PolicyFields(**places.get("setting", {}))


def effective(places: dict[str, dict[str, Any]], **task: Any) -> AgentTask:
    """The task with its effective fields."""
    plan, run, settings = plan_with(places, **task)
    return effective_plan(plan, run=run, settings=settings).task("t")


def explained(places: dict[str, dict[str, Any]], **task: Any) -> dict[str, Explained]:
    """Every row about the task by its field; of several the last."""
    plan, run, settings = plan_with(places, **task)
    return {row.field: row for row in explain_task(plan, "t", run=run, settings=settings)}


@pytest.mark.parametrize("nearest", range(5))
def test_the_nearest_place_wins(nearest: int) -> None:
    """Of all places that set a field the nearest counts, and `explain` names it."""
    places = {place: {"retries": 10 + distance} for distance, place in enumerate(PLACES[:5]) if distance >= nearest}

    assert effective(places).retries == 10 + nearest
    assert explained(places)["retries"] == Explained("retries", 10 + nearest, PLACES[nearest])


def test_built_in_values() -> None:
    """What holds when nobody says anything."""
    task = effective({})

    assert (task.retries, task.timeout_s, task.on_failure) == (3, 120.0, SkipDependents())
    assert task.retry == RetryConfig(
        backoff="exponential",
        base_s=1,
        max_s=60,
        jitter_ratio=0.25,
        timeout_factor=1,
        on=(
            ErrorCode.RATE_LIMIT,
            ErrorCode.TIMEOUT,
            ErrorCode.CONNECTION,
            ErrorCode.SERVER,
            ErrorCode.OVERLOADED,
            ErrorCode.VERIFICATION_FAILED,
        ),
    )
    assert task.failure_policy == {ErrorCode.INVALID_OUTPUT: FailureRule(repair=2)}
    assert {row.origin for row in explained({}).values()} == {"built-in", "task"}


@pytest.mark.parametrize(("kind", "expected"), [("agent", 120.0), ("function", 120.0), ("plan", None), ("human", None)])
def test_kinds_that_wait_for_others_have_no_time_limit(kind: str, expected: float | None) -> None:
    """A sub-plan and a person may take as long as they need unless the task itself sets a limit."""
    assert effective({}, kind=kind).timeout_s == expected


@pytest.mark.parametrize(("kind", "expected"), [("agent", 60.0), ("function", 60.0), ("plan", None), ("human", None)])
@pytest.mark.parametrize("place", PLACES[1:5])
def test_a_time_for_many_tasks_is_none_for_those_that_wait_for_others(
    place: str, kind: str, expected: float | None
) -> None:
    """What an agent, the plan, the run or a setting gives to each request does not end a whole sub-plan."""
    assert effective({place: {"timeout_s": 60}}, kind=kind).timeout_s == expected
    assert effective({place: {"timeout_s": 60}}, kind=kind, timeout_s=7).timeout_s == 7


@dataclass(frozen=True)
class Case:
    id: str
    places: dict[str, dict[str, Any]]
    field: str
    expected: Any


FALLBACK = {"fallback": ["f"]}
CASES = [
    Case("null means no time limit", {"task": {"timeout_s": None}, "agent w": {"timeout_s": 5}}, "timeout_s", None),
    Case("null elsewhere says nothing", {"task": {"retries": None}, "agent w": {"retries": 5}}, "retries", 5),
    Case("options that are null say nothing", {"run option": {"timeout_s": None}}, "timeout_s", 120.0),
    Case(
        "a value like the built-in one is set all the same",
        {"task": {"retries": 3}, "setting": {"retries": 9}},
        "retries",
        3,
    ),
    Case("zero is a value", {"task": {"retries": 0}, "plan defaults": {"retries": 9}}, "retries", 0),
    Case("context is added to", {"task": {"context": "b"}, "plan defaults": {"context": ["a"]}}, "context", ("a", "b")),
    Case(
        "tags are added to, once each",
        {"task": {"tags": ["b", "a"]}, "plan defaults": {"tags": "a"}},
        "tags",
        ("a", "b"),
    ),
    Case("any task field has a default", {"plan defaults": {"priority": 4}}, "priority", 4),
    Case("an agent's own settings are not the task's", {"agent w": {"role": "x"}}, "description", "Do t."),
    Case(
        "common fallbacks do not serve themselves",
        {"plan defaults": {"on_failure": {"fallback": ["t"]}}, "setting": {"on_failure": "abort"}},
        "on_failure",
        Abort(),
    ),
    Case(
        "common fallbacks serve others",
        {"plan defaults": {"on_failure": FALLBACK}},
        "on_failure",
        Fallback(chain=("f",)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_effective_fields(case: Case) -> None:
    """What is set, and what is not, is told apart field by field."""
    assert getattr(effective(case.places), case.field) == case.expected


def test_retry_is_merged_field_by_field() -> None:
    """A field of `retry` that is left out is decided further out."""
    places = {
        "task": {"retry": {"base_s": 2}},
        "agent w": {"retry": {"base_s": 9, "max_s": 30}},
        "setting": {"retry": {"on": ["timeout"]}},
    }
    retry = effective(places).retry
    rows = explained(places)

    assert retry == RetryConfig(
        backoff="exponential", base_s=2, max_s=30, jitter_ratio=0.25, timeout_factor=1, on=(ErrorCode.TIMEOUT,)
    )
    assert [rows[f"retry.{name}"].origin for name in ("backoff", "base_s", "max_s", "on")] == [
        "built-in",
        "task",
        "agent w",
        "setting",
    ]


def test_rules_are_merged_field_by_field() -> None:
    """A rule's field that is left out is decided further out, and each has its origin."""
    places = {
        "task": {"failure_policy": {"timeout": {"retry": 5}}},
        "plan defaults": {"failure_policy": {"timeout": {"retry": 2, "timeout_factor": 2}, "refusal": "abort"}},
    }
    rows = explained(places)

    assert effective(places).failure_policy == {
        ErrorCode.TIMEOUT: FailureRule(retry=5, timeout_factor=2),
        ErrorCode.REFUSAL: FailureRule(then=Abort()),
        ErrorCode.INVALID_OUTPUT: FailureRule(repair=2),
    }
    assert rows["failure_policy.timeout.retry"] == Explained("failure_policy.timeout.retry", 5, "task")
    assert rows["failure_policy.timeout.timeout_factor"].origin == "plan defaults"
    assert rows["failure_policy.invalid_output.repair"] == Explained(
        "failure_policy.invalid_output.repair", 2, "built-in"
    )


def test_a_nearer_word_outranks_a_farther_default_rule() -> None:
    """`failure_policy.default` says the same as `on_failure`, so that the nearer of the two counts."""
    near_action = {"task": {"on_failure": "abort"}, "setting": {"failure_policy": {"default": "continue"}}}
    near_rule = {"task": {"failure_policy": {"default": "continue"}}, "setting": {"on_failure": "abort"}}
    near_retries = {"task": {"retries": 1}, "agent w": {"failure_policy": {"default": {"retry": 9, "then": "abort"}}}}

    assert "default" not in (effective(near_action).failure_policy or {})
    assert (effective(near_rule).failure_policy or {})["default"] == FailureRule(then=Continue())
    assert (effective(near_retries).failure_policy or {})["default"] == FailureRule(then=Abort())


def test_an_agent_from_the_defaults_counts() -> None:
    """The agent whose fields count is the one that holds for the task."""
    plan = make_plan({"id": "t"}, agents={"w": {"retries": 7}}, defaults={"agent": "w"})

    assert effective_plan(plan).task("t").retries == 7


def test_defaults_move_into_the_tasks() -> None:
    """An effective plan says everything on its tasks, and explains it as set there."""
    plan = effective_plan(make_plan({"id": "t"}, defaults={"timeout_s": 5}))

    assert plan.defaults == TaskFields()
    assert {row.origin for row in explain_task(plan, "t")} == {"task"}


def test_added_fields_are_explained_place_by_place() -> None:
    """Where a task adds to a default, both places have a row."""
    plan, run, settings = plan_with({"task": {"tags": "b"}, "plan defaults": {"tags": "a"}})
    rows = [row for row in explain_task(plan, "t", run=run, settings=settings) if row.field == "tags"]

    assert rows == [Explained("tags", ("a",), "plan defaults"), Explained("tags", ("b",), "task")]


def test_an_unknown_task_is_refused() -> None:
    """There is nothing to explain about a task that is not there."""
    with pytest.raises(KeyError):
        explain_task(make_plan({"id": "t"}), "x")


ACTION = st.sampled_from(["continue", "abort", {"fallback": ["t"]}, {"fallback": ["u"]}])
POLICY = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["m", "n"]),
        "timeout_s": st.sampled_from([None, 1.0, 2.0]),
        "retries": st.integers(0, 2),
        "retry": st.fixed_dictionaries(
            {}, optional={"base_s": st.sampled_from([1.0, 2.0]), "backoff": st.just("none")}
        ),
        "on_failure": ACTION,
        "failure_policy": st.dictionaries(
            st.sampled_from(["timeout", "default"]), ACTION | st.just({"retry": 1}), max_size=2
        ),
    },
)
FIELDS = st.tuples(POLICY, st.fixed_dictionaries({}, optional={"tags": st.just(["x"]), "kind": st.just("plan")})).map(
    lambda pair: {**pair[0], **pair[1]}
)


@given(task=FIELDS, agent=POLICY, defaults=FIELDS, run=POLICY, settings=POLICY)
def test_applied_twice_it_changes_nothing(task: Any, agent: Any, defaults: Any, run: Any, settings: Any) -> None:
    """An effective plan is its own effective plan, even when options and settings are given again."""
    plan = make_plan({"id": "t", "agent": "w", **task}, {"id": "u"}, agents={"w": agent}, defaults=defaults)
    options = {"run": PolicyFields(**run), "settings": PolicyFields(**settings)}
    once = effective_plan(plan, **options)

    assert effective_plan(once) == once
    once_more = effective_plan(once, **options)
    for name in ("retries", "timeout_s", "retry", "on_failure"):
        assert getattr(once_more.task("t"), name) == getattr(once.task("t"), name)
