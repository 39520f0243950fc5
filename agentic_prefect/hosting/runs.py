"""Runs of plans as the server knows them: those that are planned, too, and those of other machines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Cancelling, Crashed
from pydantic import Field

from agentic_prefect.bootstrap.recorded import PLAN_FLOWS, find
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.hosting.run_processes import end_process
from agentic_prefect.hosting.schedules import deployment_of
from agentic_prefect.models.base import Frozen
from agentic_prefect.runtime.links import run_url

Kind = Literal["scheduled", "running", "paused", "completed", "failed", "crashed", "cancelled"]
TYPES: Final[dict[Kind, tuple[StateType, ...]]] = {
    "scheduled": (StateType.SCHEDULED, StateType.PENDING),
    "running": (StateType.RUNNING, StateType.CANCELLING),
    "paused": (StateType.PAUSED,),
    "completed": (StateType.COMPLETED,),
    "failed": (StateType.FAILED,),
    "crashed": (StateType.CRASHED,),
    "cancelled": (StateType.CANCELLED,),
}

WORKER_LABEL: Final = "prefect.worker.name"
"""The label by which Prefect's workers mark the runs that they take up."""


class KnownRun(Frozen):
    """A run as the server tells of it."""

    id: str
    name: str
    deployment: str = ""
    """Empty when it was not started through a deployment."""
    state: str
    message: str = ""
    expected_at: datetime | None = None
    started_at: datetime | None = None
    elapsed_s: float = 0.0
    started_by: str = ""
    """Who or what made it: a schedule, an automation; empty is a person or a program."""
    plan: str = ""
    """What the run was given as its plan, when that is a name."""
    inputs: dict[str, Any] = Field(default_factory=dict[str, Any])
    url: str | None = None


async def runs(deployment: str = "", kind: Kind | None = None, *, latest: int = 20) -> Sequence[KnownRun]:
    """Runs of plans, the latest first; sub-plans are part of theirs and not listed.

    Raises:
        PlanInvalid: There is no such deployment.
    """
    async with get_client() as client:
        wanted = None
        if deployment:
            found = await deployment_of(client, deployment)
            wanted = DeploymentFilter(id=DeploymentFilterId(any_=[found.id]))
        state = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(TYPES[kind]))) if kind else None
        listed = await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=list(PLAN_FLOWS))),
            flow_run_filter=FlowRunFilter.model_validate({"state": state, "parent_task_run_id": {"is_null_": True}}),
            deployment_filter=wanted,
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=latest,
        )
        names = await _names(client, {run.deployment_id for run in listed if run.deployment_id})
    return [_known(run, names) for run in listed]


async def show(reference: str) -> KnownRun:
    """One run, by its id, the beginning of it, or its name.

    Raises:
        PlanInvalid: There is none, or there are several.
    """
    recorded = await find(reference)
    async with get_client() as client:
        run = await client.read_flow_run(UUID(recorded.run_id))
        return _known(run, await _names(client, {run.deployment_id} if run.deployment_id else set()))


async def cancel(reference: str) -> KnownRun:
    """Cancel a run; one that has not started ends at once, one that runs is told to end.

    Raises:
        PlanInvalid: It has ended, or runs in a process that no worker looks after.
    """
    run = await show(reference)
    recorded = await find(run.id)
    if recorded.has_ended:
        raise PlanInvalid(f"Run {run.name!r} ({run.id}) has ended: it is {run.state}.")
    waits = recorded.state is not None and recorded.state.type in TYPES["scheduled"]
    if not waits and recorded.deployment_id is None:
        raise PlanInvalid(
            f"Run {run.name!r} ({run.id}) was started by hand, where nobody hears of this: press Ctrl-C there. If its "
            f"process is gone, `agentic-prefect resume {run.id} --abandoned` goes on from it."
        )
    state = Cancelled(message="Cancelled before it began.") if waits else Cancelling()
    async with get_client() as client:
        await client.set_flow_run_state(UUID(run.id), state, force=waits)
    return await show(run.id)


async def end_left_behind(pool: str, worker: str) -> Sequence[KnownRun]:
    """End the processes of a worker's runs that outlived it, and set the runs to Crashed, so that `resume` or Retry can
    go on from them; which they are.

    Args:
        pool: The work pool whose runs it took.
        worker: The worker's name; it was one on this machine.
    """
    kinds = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
    async with get_client() as client:
        listed = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(kinds)))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
        )
        left = [run for run in listed if run.labels.get(WORKER_LABEL) == worker]
        for run in left:
            await end_process(run.infrastructure_pid)
            state = Crashed(message="Its worker was stopped.")
            await client.set_flow_run_state(run.id, state, force=True)
        names = await _names(client, {run.deployment_id for run in left if run.deployment_id})
    return [_known(run, names) for run in left]


async def _names(client: PrefectClient, ids: set[UUID]) -> dict[UUID, str]:
    if not ids:
        return {}
    found = await client.read_deployments(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(ids))))
    return {each.id: each.name for each in found}


def _known(run: FlowRun, names: dict[UUID, str]) -> KnownRun:
    plan: object = run.parameters.get("plan")
    inputs: object = run.parameters.get("inputs")
    by = run.created_by
    return KnownRun(
        id=str(run.id),
        name=run.name,
        deployment=names.get(run.deployment_id, "") if run.deployment_id else "",
        state=run.state_name or StateType.PENDING.value.title(),
        message=(run.state.message or "") if run.state else "",
        expected_at=run.expected_start_time,
        started_at=run.start_time,
        elapsed_s=run.total_run_time.total_seconds(),
        started_by=f"{by.type.lower()} {by.display_value or ''}".strip() if by and by.type else "",
        plan=plan if isinstance(plan, str) and "\n" not in plan and len(plan) <= 200 else "",
        inputs=dict(inputs) if isinstance(inputs, dict) else {},  # pyright: ignore[reportUnknownArgumentType]
        url=run_url(str(run.id)),
    )
