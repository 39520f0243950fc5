"""What follows a failure: another attempt, or the end and what comes then. Pure decisions over an effective task."""

from dataclasses import dataclass

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.policy import Abort, FailureAction, FailureRule, RetryConfig, SkipDependents
from agentic_prefect.models.task import TaskFields
from agentic_prefect.policies.backoff import backoff_s


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The attempt is repeated after a wait."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further attempt."""

    exhausted: bool
    """Whether retries were allowed and are used up, as opposed to an error that gets none."""


Decision = TryAgain | GiveUp


def rule_for(task: TaskFields, code: ErrorCode) -> FailureRule:
    """The rule for `code`, else the default rule, else an empty one."""
    policy = task.failure_policy or {}
    return policy.get(code) or policy.get("default") or FailureRule()


def allowed_retries(task: TaskFields, error: TaskError) -> int:
    """How many retries this error gets in all.

    A rule for the code outranks everything. Else the error's own verdict outranks the list of retryable codes.
    """
    own = (task.failure_policy or {}).get(error.code)
    if own is not None and own.retry is not None:
        return own.retry
    retry = task.retry or RetryConfig()
    worth_it = error.retryable if error.retryable is not None else error.code in (retry.on or ())
    if not worth_it:
        return 0
    rule = rule_for(task, error.code)
    return rule.retry if rule.retry is not None else task.retries or 0


def decide(task: TaskFields, *, error: TaskError, history: tuple[TaskError, ...], draw: float) -> Decision:
    """Whether the attempt that ended with `error` is followed by another.

    Args:
        task: The task with its effective fields.
        error: What ended the attempt.
        history: The errors of the attempts before it, oldest first.
        draw: A random number in [0, 1) for the jitter.
    """
    limit = allowed_retries(task, error)
    earlier = [past for past in history if _shares_limit(task, past.code, error.code)]
    if len(earlier) >= limit:
        return GiveUp(exhausted=limit > 0)
    rule, retry = rule_for(task, error.code), task.retry or RetryConfig()
    return TryAgain(
        delay_s=backoff_s(
            len(earlier) + 1,
            kind=rule.backoff or retry.backoff or "exponential",
            base_s=_first(rule.base_s, retry.base_s, 1.0),
            max_s=_first(rule.max_s, retry.max_s, 60.0),
            jitter_ratio=_first(rule.jitter_ratio, retry.jitter_ratio, 0.0),
            draw=draw,
            retry_after_s=error.retry_after_s,
        )
    )


def most_retries(task: TaskFields) -> int:
    """An upper bound of the retries that `decide` can grant, whatever goes wrong."""
    rules = (task.failure_policy or {}).values()
    return (task.retries or 0) + sum(rule.retry or 0 for rule in rules)


def timeout_for(task: TaskFields, history: tuple[TaskError, ...]) -> float | None:
    """Seconds that the next attempt gets; it grows with every timeout so far if the policy says so."""
    if task.timeout_s is None or task.kind == "human":  # people have a deadline of their own
        return None
    rule, retry = rule_for(task, ErrorCode.TIMEOUT), task.retry or RetryConfig()
    factor = _first(rule.timeout_factor, retry.timeout_factor, 1.0)
    return task.timeout_s * factor ** sum(error.code is ErrorCode.TIMEOUT for error in history)


def repairs_for(task: TaskFields) -> int:
    """How often an answer of the wrong form is sent back within one attempt."""
    return rule_for(task, ErrorCode.INVALID_OUTPUT).repair or 0


def final_error(error: TaskError, *, history: tuple[TaskError, ...], exhausted: bool) -> TaskError:
    """The error that stands on the result: every attempt is kept, and exhausted retries have a name of their own.

    Args:
        error: What ended the last attempt.
        history: The errors of the attempts before it.
        exhausted: Whether retries were allowed and are used up.
    """
    attempts = (*history, error)
    if not exhausted:
        return error.model_copy(update={"history": attempts})
    return TaskError(
        code=ErrorCode.MAX_RETRIES_EXCEEDED,
        type="MaxRetriesExceededError",
        message=f"All {len(attempts)} attempts failed. The last one: {error.code}: {error.message}",
        timestamp=error.timestamp,
        context=error.context,
        retryable=False,
        cause=error,
        history=attempts,
    )


def action_after(task: TaskFields, error: TaskError) -> FailureAction:
    """What follows the final failure of a task, fallbacks and criticality apart from it included.

    For exhausted retries a rule for `max_retries_exceeded` comes first, then the rule of the last attempt's error.
    """
    if ErrorCode.CRITICAL in (error.code, error.cause.code if error.cause else None):
        return Abort()
    policy = task.failure_policy or {}
    codes = [error.code, *([error.cause.code] if error.cause else []), "default"]
    for code in codes:
        rule = policy.get(code)  # pyright: ignore[reportArgumentType, reportCallIssue]  # "default" is a key, too
        if rule is not None and rule.then is not None:
            return rule.then
    return task.on_failure or SkipDependents()


def _shares_limit(task: TaskFields, past: ErrorCode, code: ErrorCode) -> bool:
    """Errors with a rule of their own are counted apart; all others share the task's `retries`."""
    policy = task.failure_policy or {}
    own = {key for key, rule in policy.items() if key != "default" and rule.retry is not None}
    return past == code if code in own else past not in own


def _first(*values: float | None) -> float:
    """The first value that is set; the last one always is."""
    return next(value for value in values if value is not None)
