"""What to do when a task fails, as data. `policies.failure` decides with it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, PlainSerializer

from agentic_prefect.errors import ErrorCode
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


class AskHuman(Frozen):
    """A person decides."""

    kind: Literal["ask_human"] = "ask_human"


class Fallback(Frozen):
    """Other tasks are tried in order; the first success is the output."""

    kind: Literal["fallback"] = "fallback"
    chain: tuple[str, ...] = Field(min_length=1)
    """Task ids."""


def _expand_action(value: object) -> object:
    if isinstance(value, str):
        return {"kind": value}
    if not isinstance(value, Mapping):
        return value
    fields = cast("Mapping[str, Any]", value)
    if "fallback" not in fields or "kind" in fields:
        return fields
    chain = fields["fallback"]
    rest = {key: item for key, item in fields.items() if key != "fallback"}
    return {"kind": "fallback", "chain": [chain] if isinstance(chain, str) else chain, **rest}


def _shorten_action(action: Any) -> Any:
    return {"fallback": list(action.chain)} if isinstance(action, Fallback) else action.kind


FailureAction = Annotated[
    Annotated[SkipDependents | Continue | Abort | AskHuman | Fallback, Field(discriminator="kind")],
    BeforeValidator(_expand_action),
    PlainSerializer(_shorten_action, return_type=Any),
]
"""What follows when a task has finally failed. Written as a word, or as `{fallback: [task, ...]}`."""

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
    if "fallback" not in fields or "then" in fields:
        return fields
    rest = {key: item for key, item in fields.items() if key != "fallback"}
    return {**rest, "then": {"fallback": fields["fallback"]}}


class FailureRule(Frozen):
    """What to do about one kind of error. A field left out is decided further out."""

    retry: int | None = Field(default=None, ge=0, le=50)
    """How many more attempts this error gets; it does not count attempts that failed of something else."""
    repair: int | None = Field(default=None, ge=0, le=10)
    """How often the model is shown what is wrong with its answer, within one attempt."""
    backoff: BackoffKind | None = None
    base_s: float | None = Field(default=None, ge=0)
    max_s: float | None = Field(default=None, ge=0)
    jitter_ratio: float | None = Field(default=None, ge=0, le=1)
    timeout_factor: float | None = Field(default=None, ge=1)
    then: FailureAction | None = None
    """What follows when the attempts are used up."""


PolicyKey = ErrorCode | Literal["default"]

FailurePolicy = dict[PolicyKey, Annotated[FailureRule, BeforeValidator(_expand_rule)]]
"""Rules by error code; `default` serves every code without one."""
