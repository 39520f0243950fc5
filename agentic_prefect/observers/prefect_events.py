"""Sends events to Prefect, so that they stand in its event feed and automations can act on them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from agentic_prefect.models.error import TaskError
from agentic_prefect.models.events import Event, EventBase, TaskPrompted
from agentic_prefect.observers.event_batches import EventBatches, Notice, emit, takes_batches

MAX_TEXT_CHARACTERS = 2_000
"""Longer texts are cut, so that a payload stays far below the 64 kB that a reader of the feed can bear."""

MAX_TEXTS = 20
"""Of several texts the first ones are sent."""

MAX_ATTEMPTS = 50

_ELSEWHERE = {"name", "at", "error", "preview"}
"""Fields that the Prefect event carries in its own place, or not at all: a payload holds no output."""


class PrefectEventObserver:
    """Emits each event under its own name.

    The resource of a task's event is `agentic.task.<run_id>.<task_id>`, that of a plan's is `agentic.plan.<run_id>`.
    Both carry the labels `agentic.plan`, `agentic.run-id` and (a task) `agentic.task`, which automations can match.
    Related are the plan, the flow run and the task run; within a run flow and deployment are added.

    The events are not chained with `follows`: if one got lost, the server would hold back those after it for minutes.

    Args:
        flow_run_id: The flow run that the plan is; `None` takes the event's `run_id` if that is a UUID.
        related: Further related resources, each with `prefect.resource.id` and `prefect.resource.role`.
        in_batches: Whether events wait a moment for others, to be sent together, until the last `flush`. Where Prefect
            Cloud is meant, or no server is running, each goes by itself all the same.
    """

    def __init__(
        self,
        *,
        flow_run_id: UUID | str | None = None,
        related: Sequence[Mapping[str, str]] = (),
        in_batches: bool = False,
    ) -> None:
        self._flow_run_id = str(flow_run_id) if flow_run_id else None
        self._related = [dict(each) for each in related]
        self._batches = EventBatches() if in_batches and takes_batches() else None
        self._send = self._batches.add if self._batches else emit

    def on_event(self, event: Event) -> None:
        """Have the event sent; this returns at once. Prompts are not for the feed."""
        if not isinstance(event, TaskPrompted):
            self._send(self.notice(event))

    async def flush(self) -> None:
        """Have what waits for others sent."""
        if self._batches is not None:
            self._batches.hand_over()

    def notice(self, event: Event) -> Notice:
        """The event as Prefect takes it."""
        task_id, task_run_id = getattr(event, "task_id", None), getattr(event, "task_run_id", None)
        plan = {"prefect.resource.id": f"agentic.plan.{event.run_id}", "prefect.resource.name": event.plan}
        labels = {"agentic.plan": event.plan, "agentic.run-id": event.run_id}
        related = [*self._related]
        if event.name.startswith(("agentic.task.", "agentic.intervention.", "agentic.verification.")):
            resource = {
                "prefect.resource.id": f"agentic.task.{event.run_id}.{task_id}",
                "prefect.resource.name": str(task_id),
                "agentic.task": str(task_id),
                **labels,
            }
            related.append({**plan, "prefect.resource.role": "plan"})
        else:
            resource = {**plan, **labels}
        if flow_run_id := self._flow_run_id or _uuid(event.run_id):
            related.append(_run("flow-run", flow_run_id))
        if task_run_id:
            related.append(_run("task-run", task_run_id))
        return Notice(event.name, resource, related, event.at, payload(event))


def payload(event: EventBase) -> dict[str, Any]:
    """The event's facts, bounded: no output, no prompt, no traceback, and texts are cut."""
    facts = event.model_dump(mode="json", exclude=_ELSEWHERE)
    error = getattr(event, "error", None)
    if isinstance(error, TaskError):
        facts["error"] = _brief(error)
    return {key: _cut(value) for key, value in facts.items()}


def _cut(value: Any) -> Any:
    """A text, or several, no longer than a reader of the feed can bear."""
    if isinstance(value, str):
        return value[:MAX_TEXT_CHARACTERS]
    if isinstance(value, list):
        return [_cut(each) for each in cast("list[Any]", value)[:MAX_TEXTS]]
    return value


def _brief(error: TaskError) -> dict[str, Any]:
    return {
        "code": error.code.value,
        "type": error.type,
        "message": error.message[:MAX_TEXT_CHARACTERS],
        "timestamp": error.timestamp.isoformat(),
        "retryable": error.retryable,
        "retry_after_s": error.retry_after_s,
        "attempts": [each.code.value for each in error.history[:MAX_ATTEMPTS]],
    }


def _run(kind: str, run_id: str) -> dict[str, str]:
    return {"prefect.resource.id": f"prefect.{kind}.{run_id}", "prefect.resource.role": kind}


def _uuid(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None
