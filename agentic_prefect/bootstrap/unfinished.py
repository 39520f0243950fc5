"""Runs that have not ended, and since when what they have come to is kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.types import DateTime

from agentic_prefect.bootstrap.recorded import PLAN_FLOWS, RecordedRun, find

MOST: Final = 200
_OPEN: Final = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that needs what it, or the run that it goes on from, has come to."""

    run_id: str
    name: str
    since: datetime


async def oldest_unfinished(before: datetime) -> Unfinished | None:
    """Of the runs that began before a moment and have not ended, the one that needs the oldest results.

    A run whose process was on this machine and is gone does not count: nobody has told the server that it has ended.
    """
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=list(PLAN_FLOWS))),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN)),
                start_time=FlowRunFilterStartTime(before_=DateTime.instance(before)),
            ),
            sort=FlowRunSort.START_TIME_ASC,
            limit=MOST,
        )
        found = [(await find(str(run.id)), run.start_time) for run in runs if run.parent_task_run_id is None]
        waiting = [
            Unfinished(run.run_id, run.name, since)
            for run, start in found
            if not run.process.is_gone and (since := await _first_start(run, start, client)) is not None
        ]
    return min(waiting, key=lambda each: each.since, default=None)


async def _first_start(run: RecordedRun, start: datetime | None, client: PrefectClient) -> datetime | None:
    """When the first run of a lineage began, or this one where that is not known any more; `None`: it has not begun."""
    try:
        return (await client.read_flow_run(UUID(run.record.lineage[:36]))).start_time
    except (ValueError, ObjectNotFound):
        return start
