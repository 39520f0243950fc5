"""Reads back from the session's server what observers sent to it. That arrives late, so every look is a poll."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import Artifact
from prefect.events.filters import EventFilter, EventNameFilter, EventOrder, EventRelatedFilter
from prefect.events.schemas.events import ReceivedEvent

T = TypeVar("T")

PATIENCE_S = 90.0


async def until(look: Callable[[], Awaitable[T]], *, holds: Callable[[T], bool]) -> T:
    """What `look` gives as soon as it is as wanted, or what it gave last when that takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        seen = await look()
        if holds(seen) or time.monotonic() > deadline:
            return seen
        await asyncio.sleep(0.1)


async def events_of(flow_run_id: str, *, prefix: str = "agentic.") -> list[ReceivedEvent]:
    """The events related to a flow run, in the order in which they happened."""
    wanted = EventFilter(
        event=EventNameFilter(prefix=[prefix]),
        related=EventRelatedFilter(id=[f"prefect.flow-run.{flow_run_id}"]),
        order=EventOrder.ASC,
    )
    async with get_client() as client:
        return (await client.read_events(wanted, limit=50)).events


async def artifacts_of(flow_run_id: str) -> list[Artifact]:
    """The artifacts of a flow run, by key."""
    async with get_client() as client:
        found = await client.read_artifacts(
            artifact_filter=ArtifactFilter(),
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])),  # pyright: ignore[reportArgumentType]
        )
    return sorted(found, key=lambda artifact: (artifact.key or "", str(artifact.created)))
