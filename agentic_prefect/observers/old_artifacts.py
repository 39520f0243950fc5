"""Artifacts of runs that ended long ago, found on the server and removed."""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterEndTime,
)
from prefect.exceptions import ObjectNotFound
from prefect.types import DateTime

KEYS: Final = (
    "plan-progress",
    "plan-report",
    "plan-tasks",
    "plan-prompts",
    "plan-spending",
    "plan-questions",
    "task-error",
)
"""The keys of all artifacts that a run of a plan leaves."""
_PAGE: Final = 200
_AT_ONCE: Final = 8


async def remove_artifacts(before: datetime) -> int:
    """Remove reports, tables, prompts and errors of the runs that ended before a moment; how many there were.

    Raises:
        httpx.HTTPError: The server could not be reached or refused.
    """
    removed = 0
    ended = FlowRunFilter(end_time=FlowRunFilterEndTime(before_=DateTime.instance(before)))
    async with get_client() as client:
        while True:
            found = await client.read_artifacts(
                artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=list(KEYS))),
                flow_run_filter=ended,
                limit=_PAGE,
            )
            if not found:
                return removed
            places = asyncio.Semaphore(_AT_ONCE)
            gone = await asyncio.gather(*(_remove(client, each.id, places) for each in found))
            removed += sum(gone)


async def _remove(client: PrefectClient, artifact_id: UUID, places: asyncio.Semaphore) -> bool:
    async with places:
        try:
            await client.delete_artifact(artifact_id)
        except ObjectNotFound:  # somebody else was faster
            return False
    return True
