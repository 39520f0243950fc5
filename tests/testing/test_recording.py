"""The recording observer gives back what it heard, by task and by kind."""

from datetime import UTC, datetime

from agentic_prefect.models.events import PlanStarted, TaskSkipped, TaskStatusChanged
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.testing.recording import RecordingObserver

PLACE = {"at": datetime(2026, 1, 5, tzinfo=UTC), "plan": "p", "run_id": "r"}


def _recorded() -> RecordingObserver:
    observer = RecordingObserver()
    for event in (
        PlanStarted.model_validate({**PLACE, "tasks": 2}),
        TaskStatusChanged.model_validate(
            {**PLACE, "task_id": "a", "old": "pending", "new": "in_progress", "attempt": 1}
        ),
        TaskStatusChanged.model_validate({**PLACE, "task_id": "b", "old": "pending", "new": "skipped", "attempt": 0}),
        TaskSkipped.model_validate({**PLACE, "task_id": "b", "reason": "no"}),
        TaskStatusChanged.model_validate(
            {**PLACE, "task_id": "a", "old": "in_progress", "new": "completed", "attempt": 1}
        ),
    ):
        observer.on_event(event)
    return observer


def test_states_are_told_per_task() -> None:
    """The states of one task are its own, in order, from the first one on."""  # F-09
    observer = _recorded()

    assert observer.statuses("a") == [TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.COMPLETED]
    assert observer.transitions("b") == [(TaskStatus.PENDING, TaskStatus.SKIPPED)]
    assert observer.statuses("c") == []


def test_events_are_found_by_kind_and_task() -> None:
    """Names and kinds can be asked for as a whole or for one task."""
    observer = _recorded()

    assert observer.names("b") == ["agentic.task.status_changed", "agentic.task.skipped"]
    assert observer.names()[0] == "agentic.plan.started"
    assert [event.reason for event in observer.of(TaskSkipped)] == ["no"]
    assert observer.of(TaskSkipped, "a") == []


def test_it_can_forget() -> None:
    """After `clear` only what follows is there."""
    observer = _recorded()
    observer.clear()

    assert observer.events == []
