"""An observer that keeps what it hears, for tests of plans and of whatever emits events."""

from typing import TypeVar

from agentic_prefect.models.events import Event, TaskStatusChanged
from agentic_prefect.models.status import TaskStatus

E = TypeVar("E", bound=Event)


class RecordingObserver:
    """Keeps every event in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)

    def names(self, task_id: str | None = None) -> list[str]:
        """The events' names in order; of one task only, if `task_id` says which."""
        return [event.name for event in self.events if task_id is None or getattr(event, "task_id", None) == task_id]

    def of(self, kind: type[E], task_id: str | None = None) -> list[E]:
        """The events of one kind in order; of one task only, if `task_id` says which."""
        return [
            event
            for event in self.events
            if isinstance(event, kind) and (task_id is None or getattr(event, "task_id", None) == task_id)
        ]

    def transitions(self, task_id: str) -> list[tuple[TaskStatus, TaskStatus]]:
        """Each change of the task's state, as (old, new)."""
        return [(event.old, event.new) for event in self.of(TaskStatusChanged, task_id)]

    def statuses(self, task_id: str) -> list[TaskStatus]:
        """The states that the task went through, the first one included; empty when it never changed."""
        changes = self.transitions(task_id)
        return [*(old for old, _ in changes[:1]), *(new for _, new in changes)]

    def clear(self) -> None:
        """Forget everything heard so far."""
        self.events.clear()
