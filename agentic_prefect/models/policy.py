"""What to do when a task fails, as data. `policies.failure` decides with it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, PlainSerializer

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.asking import Asking
from agentic_prefect.models.base import Frozen


class SkipDependents(Frozen):
    """The task stays failed and whatever needs it is skipped."""

    kind: Literal["skip_dependents"] = "skip_dependents"


class Continue(Frozen):
    """The task stays failed; whatever needs it runs with a null in its place."""

    kind: Literal["continue"] = "continue"


class Abort(Frozen):
    """No further task starts; the plan fails when the running ones have ended."""

    kind: Literal["abort"] = "abort"


class AskHuman(Asking):
    """People decide."""

    kind: Literal["ask_human"] = "ask_human"
    fallback: tuple[str, ...] = ()
    """Ids of the tasks that they may have tried in its place."""


def _expand_action(value: object) -> object:
    if isinstance(value, str):
        return {"kind": value}
    if not isinstance(value, Mapping):
        return value
    fields = cast("Mapping[str, Any]", value)
    if "kind" in fields:
        return fields
    if "ask_human" in fields and isinstance(fields["ask_human"], Mapping):
        asking = dict(cast("Mapping[str, Any]", fields["ask_human"]))
        if "fallback" in asking:
            asking["fallback"] = _as_list(asking["fallback"])
        return {"kind": "ask_human", **asking, **_without(fields, "ask_human")}
    if "fallback" in fields:
        return {"kind": "fallback", "chain": _as_list(fields["fallback"]), **_without(fields, "fallback")}
    return fields


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: item for key, item in fields.items() if key not in names}


def _shorten_action(action: Any) -> Any:
    if isinstance(action, Fallback):
        return {"fallback": list(action.chain), **({"then": _shorten_action(action.then)} if action.then else {})}
    if isinstance(action, AskHuman):
        said = action.model_dump(mode="json", exclude_defaults=True, exclude={"kind"})
        return {"ask_human": said} if said else action.kind
    return action.kind


LastAction = Annotated[
    Annotated[SkipDependents | Continue | Abort | AskHuman, Field(discriminator="kind")],
    BeforeValidator(_expand_action),
    PlainSerializer(_shorten_action, return_type=Any),
]
"""What follows a failure for which no further task is tried."""


class Fallback(Frozen):
    """Other tasks are tried in order; the first success is the output."""

    kind: Literal["fallback"] = "fallback"
    chain: tuple[str, ...] = Field(min_length=1)
    """Task ids."""
    then: LastAction | None = None
    """What follows when all of them have failed; `None` skips whatever needs the output."""


FailureAction = Annotated[
    Annotated[SkipDependents | Continue | Abort | AskHuman | Fallback, Field(discriminator="kind")],
    BeforeValidator(_expand_action),
    PlainSerializer(_shorten_action, return_type=Any),
]
"""What follows when a task has finally failed.

Written as a word, as `{fallback: [task, ...], then: ask_human}`, or as
`{ask_human: {deadline_s: 3600, default: skip}}`.
"""

BackoffKind = Literal["none", "constant", "linear", "exponential"]


class RetryConfig(Frozen):
    """How long to wait between attempts, and after which errors. A field left out is decided further out."""

    backoff: BackoffKind | None = None
    base_s: float | None = Field(default=None, ge=0)
    """Seconds before the first retry."""
    max_s: float | None = Field(default=None, ge=0)
    """No wait is longer than this, unless the provider asks for more."""
    jitter_ratio: float | None = Field(default=None, ge=0, le=1)
    """The wait varies by this share up and down, but never below what the provider asked for."""
    timeout_factor: float | None = Field(default=None, ge=1)
    """Each attempt after a timeout gets this many times the time of the one before."""
    on: tuple[ErrorCode, ...] | None = None
    """Which errors are worth another attempt."""


def _expand_rule(value: object) -> object:
    if isinstance(value, str):
        return {"then": value}
    if not isinstance(value, Mapping):
        return value
    fields = cast("Mapping[str, Any]", value)
    for word in ("fallback", "ask_human"):
        if word in fields:
            action = {name: fields[name] for name in (word, "then") if name in fields}
            return {**_without(fields, *action), "then": action}
    return fields


class FailureRule(Frozen):
    """What to do about one kind of error. A field left out is decided further out."""

    retry: int | None = Field(default=None, ge=0, le=50)
    """How many more attempts this error gets; it does not count attempts that failed of something else."""
    max_attempts: int | None = Field(default=None, ge=1, le=100)
    """At the task's attempt number so many this error is final, whatever the attempts before failed of."""
    model: Annotated[tuple[str, ...] | None, BeforeValidator(_as_list), Field(min_length=1)] = None
    """Other models for the attempts after this error, in order; the last one stays. Without `retry` each of them gets
    as many attempts as it takes to go on to the next."""
    model_after: int | None = Field(default=None, ge=1, le=50)
    """After how many such errors, counted anew for each model, the next one is asked; `None` is 1."""
    repair: int | None = Field(default=None, ge=0, le=10)
    """How often the model is shown what is wrong with its answer, within one attempt."""
    backoff: BackoffKind | None = None
    base_s: float | None = Field(default=None, ge=0)
    max_s: float | None = Field(default=None, ge=0)
    jitter_ratio: float | None = Field(default=None, ge=0, le=1)
    timeout_factor: float | None = Field(default=None, ge=1)
    then: FailureAction | None = None
    """What follows when the attempts are used up."""


ErrorType = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9_]{0,99}$")]
"""The name of an exception's class, such as `ValueError`."""

PolicyKey = ErrorCode | Literal["default"] | ErrorType

FailurePolicy = dict[PolicyKey, Annotated[FailureRule, BeforeValidator(_expand_rule)]]
"""Rules by the exact name of an exception's class, by error code, and `default`: what the first of them leaves out the
next one says."""
