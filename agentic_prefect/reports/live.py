"""A run as far as its events tell: what a report shows of tasks that have no result yet."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import assert_never

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.error import TaskError
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
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage


class LiveTask(Frozen):
    """What was heard of one task."""

    status: TaskStatus = TaskStatus.PENDING
    attempts: int = 0
    """The attempt that is running, or how many there were; 0 before the first."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failures: tuple[TaskError, ...] = ()
    """The errors of attempts that were followed by another one, oldest first."""
    reason: str = ""
    """Why it failed or was skipped."""
    usage: Usage = Usage()
    model: str | None = None
    cached: bool = False
    preview: str = ""
    fallback: str | None = None
    """The task that is tried in its place."""
    task_run_id: str | None = None


class LiveRun:
    """One run, built up event by event.

    Args:
        run_id: The run that is meant; events of others (a sub-plan's, say) are not counted. `None` takes the run of the
            first event.
    """

    def __init__(self, run_id: str | None = None) -> None:
        self.run_id = run_id
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.status: PlanStatus | None = None
        """`None` while the plan runs."""
        self.reason = ""
        self.plan_hash = ""
        self.plan_version: int | None = None
        self._tasks: dict[str, LiveTask] = {}

    @property
    def tasks(self) -> Mapping[str, LiveTask]:
        """By task id, and by `id[index]` for the items of a fan-out, in the order of their first event."""
        return MappingProxyType(self._tasks)

    @property
    def statuses(self) -> dict[str, TaskStatus]:
        """The state of every task that was heard of."""
        return {name: task.status for name, task in self._tasks.items()}

    def hear(self, event: Event) -> bool:
        """Take an event in; false when it belongs to another run."""
        if self.run_id is None:
            self.run_id = event.run_id
        if event.run_id != self.run_id:
            return False
        if self.started_at is None:
            self.started_at = event.at
        match event:
            case PlanStarted():
                self.started_at = event.at
                self.plan_hash, self.plan_version = event.plan_hash, event.plan_version
            case PlanCompleted():
                self._end(event.at, PlanStatus.COMPLETED, "")
            case PlanFailed():
                self._end(event.at, event.status, event.reason)
            case PlanCancelled():
                self._end(event.at, PlanStatus.CANCELLED, event.reason)
            case PlanBudgetExceeded():
                self.reason = event.reason
            case InterventionRequested() | InterventionVoted() | InterventionResolved() | InterventionExpired():
                old = self._tasks.get(event.task_id, LiveTask())
                self._tasks[event.task_id] = old.model_copy(update={"reason": _said(event)})
            case _:
                old = self._tasks.get(event.task_id, LiveTask())
                change = _change(old, event)
                if event.task_run_id is not None:
                    change["task_run_id"] = event.task_run_id
                self._tasks[event.task_id] = old.model_copy(update=change)
        return True

    def _end(self, at: datetime, status: PlanStatus, reason: str) -> None:
        self.ended_at, self.status, self.reason = at, status, reason


def _said(event: InterventionRequested | InterventionVoted | InterventionResolved | InterventionExpired) -> str:
    match event:
        case InterventionRequested():
            return f"waits for a person: {event.question}"
        case InterventionVoted():
            return f"waits for more people: {event.by or 'somebody'} decided {event.action.replace('_', ' ')!r}"
        case InterventionResolved():
            comment = f": {event.comment}" if event.comment else ""
            return f"{event.by or 'a person'} decided {event.action.replace('_', ' ')!r}{comment}"
        case InterventionExpired():
            return f"{event.action.replace('_', ' ')!r} by default: {event.reason}"
        case _:
            assert_never(event)


def _change(old: LiveTask, event: TaskEvent) -> dict[str, object]:
    match event:
        case TaskStatusChanged():
            change: dict[str, object] = {"status": event.new, "attempts": max(event.attempt, old.attempts)}
            if event.new is TaskStatus.IN_PROGRESS and old.started_at is None:
                change["started_at"] = event.at
            if event.new.is_final:
                change["ended_at"] = event.at
            return change
        case TaskRetrying():
            return {"failures": (*old.failures, event.error), "ended_at": None, "attempts": event.attempt}
        case TaskOutputAvailable():
            return {
                "attempts": event.attempts,
                "usage": event.usage,
                "model": event.model,
                "cached": event.cached,
                "preview": event.preview,
            }
        case TaskFailed():
            return {
                "attempts": event.attempts,
                "usage": event.usage,
                "reason": f"{event.error.code.value}: {event.error.message}",
            }
        case TaskExhausted():
            return {"attempts": event.attempts}
        case TaskSkipped():
            return {"reason": event.reason}
        case TaskFallback():
            return {"fallback": event.fallback_id}
        case TaskDeadLettered():
            return {}  # its failure has told of it
        case TaskPrompted() | VerificationCompleted():
            return {}  # a rejection shows as a failed attempt, and prompts stand in the results
        case _:
            assert_never(event)
