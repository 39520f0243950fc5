"""What follows a failure: another attempt, or the end and what comes then. Pure decisions over an effective task."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.policy import (
    Abort,
    FailureAction,
    FailureRule,
    Fallback,
    LastAction,
    RetryConfig,
    SkipDependents,
)
from agentic_prefect.models.task import TaskFields
from agentic_prefect.policies.backoff import backoff_s

MODEL_MAY_HELP: Final = frozenset(
    {
        ErrorCode.AUTHENTICATION,
        ErrorCode.PERMISSION,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.CONTEXT_LENGTH,
        ErrorCode.CONTENT_FILTER,
        ErrorCode.REFUSAL,
        ErrorCode.INVALID_OUTPUT,
        ErrorCode.BUDGET_EXCEEDED,
        ErrorCode.RUNAWAY,
    }
)
"""Errors that the same request would meet again with the same model, and perhaps not with another."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The attempt is repeated after a wait."""

    delay_s: float
    model: str | None = None
    """The model that is asked instead; `None` asks the same one."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further attempt."""

    exhausted: bool
    """Whether retries were allowed and are used up, as opposed to an error that gets none."""


Decision = TryAgain | GiveUp


def rule_for(task: TaskFields, code: ErrorCode, type: str = "") -> FailureRule:
    """What holds for an error, field by field: the rule for its type says it, else that for its code, else `default`.

    Args:
        task: The task with its effective fields.
        code: The error's code.
        type: The name of its class; empty looks for no rule of that name.
    """
    policy = task.failure_policy or {}
    rules = [rule for key in (type, code, "default") if (rule := policy.get(key)) is not None]
    if len(rules) < 2:
        return rules[0] if rules else FailureRule()
    fields = {
        name: value
        for rule in reversed(rules)
        for name in rule.model_fields_set
        if (value := getattr(rule, name)) is not None
    }
    return FailureRule.model_construct(set(fields), **fields)


def allowed_retries(task: TaskFields, error: TaskError) -> int:
    """How many retries this error gets in all.

    A rule of its own outranks everything. Else the error's own verdict outranks the list of retryable codes, and both
    are outranked by other models, if the rule names some and they may help.
    """
    own, rule = _own_rules(task, error), rule_for(task, error.code, error.type)
    limit = next((each.retry for each in own if each.retry is not None), None)
    if limit is not None:
        return limit
    retry = task.retry or RetryConfig()
    worth_it = error.retryable if error.retryable is not None else error.code in (retry.on or ())
    granted = (rule.retry if rule.retry is not None else task.retries or 0) if worth_it else 0
    if worth_it or error.code in MODEL_MAY_HELP or any(each.model for each in own):
        granted = max(granted, _retries_for_models(rule))
    return granted


def decide(task: TaskFields, *, error: TaskError, history: tuple[TaskError, ...], draw: float) -> Decision:
    """Whether the attempt that ended with `error` is followed by another.

    Args:
        task: The task with its effective fields.
        error: What ended the attempt.
        history: The errors of the attempts before it, oldest first.
        draw: A random number in [0, 1) for the jitter.
    """
    limit, rule = allowed_retries(task, error), rule_for(task, error.code, error.type)
    earlier = [past for past in history if _counted_as(task, past) == _counted_as(task, error)]
    if rule.max_attempts is not None and len(history) + 1 >= rule.max_attempts:
        return GiveUp(exhausted=limit > 0 and len(history) > 0)
    if len(earlier) >= limit:
        return GiveUp(exhausted=limit > 0)
    model = model_for(task, (*history, error))
    if model != model_for(task, history):
        # What was wrong with one model need not be waited for with another; a connection that was told to wait does.
        return TryAgain(delay_s=0.0, model=model)
    retry = task.retry or RetryConfig()
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
    policy = task.failure_policy or {}
    default = policy.get("default") or FailureRule()
    slowest = max((rule.model_after or 1 for rule in policy.values()), default=1)
    shared = default.retry if default.retry is not None else task.retries or 0
    own = (
        rule.retry if rule.retry is not None else max(shared, len(rule.model or ()) * slowest)
        for key, rule in policy.items()
        if key != "default" and _has_limit(rule)
    )
    return max(shared, len(default.model or ()) * slowest) + sum(own)


def model_for(task: TaskFields, history: tuple[TaskError, ...]) -> str | None:
    """The model that the next attempt asks, after the attempts before it ended with these errors, oldest first.

    `None` leaves it to the default connection.
    """
    model, counts = task.model, Counter[str]()
    for error in history:
        rule, key = rule_for(task, error.code, error.type), _counted_as(task, error)
        if rule.model is None:
            continue
        counts[key] += 1
        reached = counts[key] // (rule.model_after or 1)
        if reached:
            model = rule.model[min(reached, len(rule.model)) - 1]
    return model


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


def repairs_after_checks(task: TaskFields) -> int:
    """How often an output that checks rejected is sent back within one attempt."""
    return rule_for(task, ErrorCode.VERIFICATION_FAILED).repair or 0


def final_error(
    error: TaskError, *, history: tuple[TaskError, ...], exhausted: bool, before: tuple[TaskError, ...] = ()
) -> TaskError:
    """The error that stands on the result: every attempt is kept, and exhausted retries have a name of their own.

    Args:
        error: What ended the last attempt.
        history: The errors of the attempts before it, oldest first.
        exhausted: Whether retries were allowed and are used up.
        before: The errors of the attempts before a person asked for another try, which do not count.
    """
    attempts = (*history, error)
    if not exhausted:
        return error.model_copy(update={"history": (*before, *attempts)})
    return TaskError(
        code=ErrorCode.MAX_RETRIES_EXCEEDED,
        type="MaxRetriesExceededError",
        message=f"All {len(attempts)} attempts failed. The last one: {error.code}: {error.message}",
        timestamp=error.timestamp,
        context=error.context,
        retryable=False,
        cause=error,
        history=(*before, *attempts),
    )


def action_after(task: TaskFields, error: TaskError) -> FailureAction:
    """What follows the final failure of a task, fallbacks and criticality apart from it included.

    For exhausted retries a rule for `max_retries_exceeded` comes first, then the rule of the last attempt's error.
    """
    if is_critical(error):
        return Abort()
    policy = task.failure_policy or {}
    for key in (*_keys(error), *(_keys(error.cause) if error.cause else ()), "default"):
        rule = policy.get(key)
        if rule is not None and rule.then is not None:
            return rule.then
    return task.on_failure or SkipDependents()


def last_action(action: FailureAction) -> LastAction:
    """What an action comes to when no further task is tried, or those that were have failed."""
    return (action.then or SkipDependents()) if isinstance(action, Fallback) else action


def is_critical(error: TaskError) -> bool:
    """Whether an error halts the plan, whatever the policy says."""
    return ErrorCode.CRITICAL in (error.code, error.cause.code if error.cause else None)


def _keys(error: TaskError) -> tuple[str, str]:
    """Under what a policy may have a rule for an error, the nearer first."""
    return error.type, error.code


def _own_rules(task: TaskFields, error: TaskError) -> tuple[FailureRule, ...]:
    """The rules for the error's type and code, as far as there are any."""
    policy = task.failure_policy or {}
    return tuple(rule for key in _keys(error) if (rule := policy.get(key)) is not None)


def _counted_as(task: TaskFields, error: TaskError) -> str:
    """Errors with a limit of their own are counted apart; all others share the task's `retries`."""
    policy = task.failure_policy or {}
    limited = (key for key in _keys(error) if (rule := policy.get(key)) is not None and _has_limit(rule))
    return next(limited, "")


def _has_limit(rule: FailureRule) -> bool:
    return rule.retry is not None or rule.model is not None


def _retries_for_models(rule: FailureRule) -> int:
    """How many attempts it takes to have asked each of the rule's models."""
    return len(rule.model) * (rule.model_after or 1) if rule.model else 0


def _first(*values: float | None) -> float:
    """The first value that is set; the last one always is."""
    return next(value for value in values if value is not None)
