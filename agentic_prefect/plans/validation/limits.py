"""Limits that contradict each other or mean nothing."""

from collections.abc import Iterator
from typing import Final

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.policy import FailureRule, RetryConfig
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.problems import Problem
from agentic_prefect.plans.validation.subject import Subject
from agentic_prefect.policies.effective import BUILT_IN_RETRY

TURNLESS = frozenset({"deployment", "function", "human", "plan"})
"""Kinds that ask no model themselves."""


REPAIRABLE: Final = frozenset({ErrorCode.INVALID_OUTPUT, ErrorCode.VERIFICATION_FAILED, "default"})
"""Rules in which `repair` means something."""


def limit_problems(subject: Subject) -> Iterator[Problem]:
    """Waits longer than their own limit, budgets larger than the plan's, limits without effect."""
    for written, task in subject.both():
        yield from _waits(subject, written, task)
        yield from _budget(subject, written, task)
        if task.kind in TURNLESS and "max_turns" in written.model_fields_set:
            place = subject.place(written, "max_turns")
            yield _warning(place, f"it limits how often a model is asked, and kind {task.kind!r} asks none")
        if task.max_concurrency is not None:
            place = subject.place(written, "max_concurrency")
            if task.for_each is None:
                yield _warning(place, "it limits the items of a fan-out, and there is no `for_each`")
            elif task.max_concurrency > subject.plan.max_concurrency:
                yield _warning(place, f"the plan runs at most {subject.plan.max_concurrency} tasks at once")


def _waits(subject: Subject, written: AgentTask, task: AgentTask) -> Iterator[Problem]:
    retry = task.retry or RetryConfig()
    if retry != BUILT_IN_RETRY:
        yield from _wait(subject.place(written, "retry"), retry, retry)
    for code, rule in (task.failure_policy or {}).items():
        place = f"{subject.place(written, 'failure_policy')}.{code}"
        if rule.base_s is not None or rule.max_s is not None:
            yield from _wait(place, rule, retry)
        if rule.repair is not None and code not in REPAIRABLE:
            yield _warning(place, "`repair` means something for `invalid_output` and `verification_failed` only")
        if rule.timeout_factor is not None and code not in (ErrorCode.TIMEOUT, "default"):
            yield _warning(place, "`timeout_factor` means something for `timeout` only")
        yield from _models(place, rule, task)


def _models(place: str, rule: FailureRule, task: AgentTask) -> Iterator[Problem]:
    """Other models that are never asked."""
    after = rule.model_after or 1
    if rule.model is None:
        if rule.model_after is not None:
            yield _warning(place, "`model_after` says when another model is asked, and no `model` is named")
        return
    if task.kind in TURNLESS:
        yield _warning(f"{place}.model", f"kind {task.kind!r} asks no model")
    limits = [each for each in (rule.retry, rule.max_attempts and rule.max_attempts - 1) if each is not None]
    needed = after * len(rule.model)
    if limits and min(limits) < needed:
        reached = min(limits) // after
        which = "none of its models is" if reached == 0 else f"only {reached} of its {len(rule.model)} models are"
        message = f"{which} ever asked: with {min(limits)} more attempts the next model follows after {after} errors"
        yield Problem(f"{place}.model", message, f"Allow {needed} retries, or leave `retry` out.")


def _wait(place: str, rule: RetryConfig | FailureRule, retry: RetryConfig) -> Iterator[Problem]:
    base_s = rule.base_s if rule.base_s is not None else retry.base_s
    max_s = rule.max_s if rule.max_s is not None else retry.max_s
    if base_s is not None and max_s is not None and base_s > max_s:
        message = f"the first wait (base_s={base_s:g}) is longer than the longest (max_s={max_s:g})"
        yield Problem(place, message, "Raise `max_s` or lower `base_s`.")


def _budget(subject: Subject, written: AgentTask, task: AgentTask) -> Iterator[Problem]:
    if task.budget is None:
        return
    if task.budget.wall_s is not None and task.kind != "plan":
        message = "a task has no limit of this kind"
        hint = "Set `timeout_s`, which limits each attempt, or `wall_s` in the plan's own `budget`."
        yield Problem(f"{subject.place(written, 'budget')}.wall_s", message, hint)
    if subject.plan.budget is None:
        return
    for field in type(task.budget).model_fields:
        own, whole = getattr(task.budget, field), getattr(subject.plan.budget, field)
        if own is not None and whole is not None and own > whole:
            yield _warning(f"{subject.place(written, 'budget')}.{field}", f"{own:g} is more than the plan's {whole:g}")


def _warning(place: str, message: str) -> Problem:
    return Problem(place, message, severity="warning")
