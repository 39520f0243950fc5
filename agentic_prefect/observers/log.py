"""Writes a line per event that a person wants to read afterwards."""

import logging
from typing import Any, assert_never

from agentic_prefect.models.events import (
    Event,
    InterventionExpired,
    InterventionRequested,
    InterventionResolved,
    InterventionVoted,
    PlanBudgetExceeded,
    PlanCancelled,
    PlanCompleted,
    PlanFailed,
    PlanStarted,
    TaskDeadLettered,
    TaskEvent,
    TaskExhausted,
    TaskFailed,
    TaskFallback,
    TaskOutputAvailable,
    TaskPrompted,
    TaskRetrying,
    TaskSkipped,
    TaskStatusChanged,
    VerificationCompleted,
)
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.reports.wording import counted, duration, one_line, spent

MAX_CHARACTERS = 1_000
"""A longer message of an error is cut; the whole of it is on the result."""


class LogObserver:
    """Readable lines in a logger; a failed task is an ERROR that begins with "Task execution failed".

    Args:
        log: The run's own logger, so that the lines stand in the run's log.
        rehearsal: Whether no model is asked; lists leave rehearsals out unless they are told.
    """

    def __init__(self, log: logging.Logger | logging.LoggerAdapter[Any], *, rehearsal: bool = False) -> None:
        self._log, self._rehearsal = log, rehearsal

    def on_event(self, event: Event) -> None:
        """Write the line that belongs to the event."""
        level, line = _line(event)
        if self._rehearsal and isinstance(event, TaskDeadLettered):
            line += " with `--rehearsals`"
        self._log.log(level, "%s", line)


def _line(event: Event) -> tuple[int, str]:
    match event:
        case PlanStarted():
            return logging.INFO, f"Plan {event.plan!r} started: {counted(event.tasks, 'task')}"
        case PlanCompleted():
            return logging.INFO, f"Plan {event.plan!r} completed in {_totals(event)}"
        case PlanFailed():
            outcome = event.status.value.replace("_", " ")
            return (
                logging.ERROR,
                f"Plan {event.plan!r} ended with {outcome} after {_totals(event)}: {_cut(event.reason)}",
            )
        case PlanCancelled():
            return logging.WARNING, f"Plan {event.plan!r} was cancelled after {_totals(event)}: {_cut(event.reason)}"
        case PlanBudgetExceeded():
            return logging.WARNING, (
                f"Plan {event.plan!r} has reached its budget at task {event.task_id!r}, having used "
                f"{spent(event.usage)}: {_cut(event.reason)}"
            )
        case InterventionRequested() | InterventionVoted() | InterventionResolved() | InterventionExpired():
            return _question_line(event)
        case _:
            return _task_line(event)


def _question_line(
    event: InterventionRequested | InterventionVoted | InterventionResolved | InterventionExpired,
) -> tuple[int, str]:
    match event:
        case InterventionRequested():
            again = " still" if event.escalated else ""
            limit = f" within {duration(event.deadline_s)}" if event.deadline_s is not None else ""
            where = f" at {event.url}" if event.url else ""
            how = (
                f" or with `agentic-prefect interventions respond {event.waiting_run_id}`"
                if event.waiting_run_id
                else ""
            )
            return logging.WARNING, (
                f"Task {event.task_id!r}{again} waits for a person: {_cut(event.question)} Answer{limit}{where}{how}"
            )
        case InterventionVoted():
            who, action = event.by or "somebody", event.action.replace("_", " ")
            return logging.INFO, f"Task {event.task_id!r}: {who} decided {action!r}; more people are needed"
        case InterventionResolved():
            said = f": {_cut(event.comment)}" if event.comment else ""
            who = event.by or "somebody"
            return logging.INFO, f"Task {event.task_id!r}: {who} decided {event.action.replace('_', ' ')!r}{said}"
        case InterventionExpired():
            action = event.action.replace("_", " ")
            return logging.WARNING, f"Task {event.task_id!r}: {action!r} holds by default. {_cut(event.reason)}"
        case _:
            assert_never(event)


def _task_line(event: TaskEvent) -> tuple[int, str]:
    match event:
        case TaskStatusChanged():
            level = logging.INFO if event.new is TaskStatus.AWAITING_HUMAN else logging.DEBUG
            attempt = f", attempt {event.attempt}" if event.attempt else ""
            return level, f"Task {event.task_id!r}: {event.old.value} -> {event.new.value}{attempt}"
        case TaskRetrying():
            limit = f", with {duration(event.timeout_s)} to answer" if event.timeout_s is not None else ""
            other = f", asking {event.model}" if event.model else ""
            return logging.WARNING, (
                f"Task {event.task_id!r}: attempt {event.attempt} failed, the next one follows in "
                f"{duration(event.delay_s)}{limit}{other} ({event.error.code.value}: {_cut(event.error.message)})"
            )
        case TaskPrompted():
            refined = f", refined {event.prompt.refinement} times" if event.prompt.refinement else ""
            made = f"{event.prompt.id}@{event.prompt.version}"
            return logging.DEBUG, f"Task {event.task_id!r}: attempt {event.attempt} was prompted with {made}{refined}"
        case TaskOutputAvailable():
            return logging.INFO, _success(event)
        case VerificationCompleted():
            level = logging.INFO if event.outcome == "verified" else logging.WARNING
            score = f" ({event.confidence_ratio:.0%})" if event.confidence_ratio is not None else ""
            said = f": {_cut('; '.join(event.messages))}" if event.messages else ""
            return (
                level,
                f"Task {event.task_id!r}: the output of attempt {event.attempt} is {event.outcome}{score}{said}",
            )
        case TaskFailed():
            return logging.ERROR, (
                f"Task execution failed: {event.task_id!r} after {counted(event.attempts, 'attempt')} in "
                f"{duration(event.elapsed_s)} ({event.error.code.value}): {_cut(event.error.message)}"
            )
        case TaskExhausted():
            tried = counted(event.attempts, "attempt")
            return logging.WARNING, f"Task {event.task_id!r}: no attempts are left after {tried}"
        case TaskSkipped():
            return logging.INFO, f"Task {event.task_id!r}: skipped, {_cut(event.reason)}"
        case TaskFallback():
            return logging.WARNING, f"Task {event.task_id!r}: {event.fallback_id!r} is tried in its place"
        case TaskDeadLettered():
            return logging.ERROR, (
                f"Task {event.task_id!r} is lost: nothing stands in for it. See `agentic-prefect deadletters list`"
            )
        case _:
            assert_never(event)


def _success(event: TaskOutputAvailable) -> str:
    if event.cached:
        return f"Task {event.task_id!r}: completed with a stored result"
    facts = [
        duration(event.elapsed_s),
        *([counted(event.attempts, "attempt")] if event.attempts > 1 else []),
        *([spent(event.usage)] if event.usage.calls else []),
        *([f"model {event.model}"] if event.model else []),
    ]
    return f"Task {event.task_id!r}: completed in {', '.join(facts)}"


def _totals(event: PlanCompleted | PlanFailed | PlanCancelled) -> str:
    return f"{duration(event.elapsed_s)}, {spent(event.usage)}"


def _cut(text: str) -> str:
    return one_line(text, MAX_CHARACTERS)
