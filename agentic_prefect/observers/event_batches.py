"""Sends events to Prefect's server many at a time: its own sender sends a message, and wakes two threads, for each."""

import asyncio
from collections.abc import Iterable
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from prefect.client.orchestration import get_client
from prefect.events import RelatedResource, emit_event
from prefect.events.related import related_resources_from_run_context
from prefect.events.worker import emit_events_to_cloud, should_emit_events_to_running_server

EVERY_S: Final = 0.25
"""How long an event waits at most for others, in seconds."""
SEND_WITHIN_S: Final = 30.0
"""A server that takes longer is left to Prefect's own sender, in seconds."""

Resource = dict[str, str]


@dataclass(frozen=True, slots=True)
class Notice:
    """An event as Prefect takes it."""

    event: str
    resource: Resource
    related: list[Resource]
    occurred: datetime
    payload: dict[str, Any]
    id: UUID = field(default_factory=uuid4)
    """By this the server knows an event that reaches it twice."""


def emit(notice: Notice) -> None:
    """Hand an event to Prefect's background sender, which adds what it knows of the run it is called in."""
    emit_event(
        notice.event,
        resource=notice.resource,
        related=notice.related,
        occurred=notice.occurred,
        payload=notice.payload,
        id=notice.id,
    )


def takes_batches() -> bool:
    """Whether events go to a server that is running, which is known to take several in a request."""
    return should_emit_events_to_running_server() and not emit_events_to_cloud()


class EventBatches:
    """Collects the events of one run and sends them moments later. Belongs to the run's event loop.

    Like Prefect's own sender it adds flow, deployment, work pool and tags of the run that it was made in. What cannot
    be sent, and what is left at the end of the run, is handed over to Prefect's own sender: nobody waits for it before
    the process ends, and it asks a server that is away for longer.

    Args:
        every_s: How long an event waits at most for others, in seconds.
    """

    def __init__(self, *, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._waiting: list[Notice] = []
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()
        # Events are told of within task runs, which those of others have nothing to do with.
        self._context = copy_context()

    def add(self, notice: Notice) -> None:
        """Have an event sent; this returns at once."""
        self._waiting.append(notice)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._send)

    def hand_over(self) -> None:
        """Leave what still waits to Prefect's sender."""
        if self._timer is not None:
            self._timer.cancel()
        self._leave_to_prefect(self._taken())

    def _taken(self) -> list[Notice]:
        notices, self._waiting, self._timer = self._waiting, [], None
        return notices

    def _send(self) -> None:
        batch = self._taken()
        sending = asyncio.create_task(self._post(batch), context=self._context.copy())
        self._sending.add(sending)
        sending.add_done_callback(partial(self._sent, batch))

    async def _post(self, batch: list[Notice]) -> None:
        async with asyncio.timeout(SEND_WITHIN_S), get_client() as client:
            around = await related_resources_from_run_context(client)
            answer = await client.request("POST", "/events", json=[_as_json(each, around) for each in batch])
            answer.raise_for_status()

    def _sent(self, batch: list[Notice], sending: asyncio.Task[None]) -> None:
        self._sending.discard(sending)
        if sending.cancelled() or sending.exception() is not None:
            self._leave_to_prefect(batch)

    def _leave_to_prefect(self, notices: list[Notice]) -> None:
        context = self._context.copy()
        for notice in notices:
            context.run(emit, notice)


def _as_json(notice: Notice, around: Iterable[RelatedResource]) -> dict[str, Any]:
    known = {notice.resource["prefect.resource.id"], *(each["prefect.resource.id"] for each in notice.related)}
    roles = {each["prefect.resource.role"] for each in notice.related}
    # The task run that a whole sub-plan is has to do with its plan, not with its tasks, which have runs of their own.
    more = [each for each in around if each.id not in known and not (each.role == "task-run" and each.role in roles)]
    return {
        "id": str(notice.id),
        "event": notice.event,
        "occurred": notice.occurred.isoformat(),
        "resource": notice.resource,
        "related": [*notice.related, *(each.root for each in more)],
        "payload": notice.payload,
    }
