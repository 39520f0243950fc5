"""The schedules of deployments: listed, added, paused, resumed, removed."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
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
)
from prefect.client.schemas.objects import DeploymentSchedule, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import DeploymentSort, FlowRunSort
from prefect.exceptions import ObjectNotFound

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.hosting.deploying import FLOW
from agentic_prefect.hosting.timing import Timing, told
from agentic_prefect.models.base import Frozen
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.stored_plans import plan_given

MOST: Final = 200
"""So many deployments or runs are asked for at once, the most that the server gives."""


class Scheduled(Frozen):
    """A schedule as it is on the server."""

    deployment: str
    slug: str
    when: str
    active: bool
    """False when it, or its whole deployment, is paused."""
    inputs: dict[str, Any]
    next_at: datetime | None
    """When it is due next; `None` when nothing is planned so far."""


async def deployment_of(client: PrefectClient, name: str) -> DeploymentResponse:
    """The deployment of that name; without a flow it is one of plans.

    Raises:
        PlanInvalid: There is none.
    """
    try:
        return await client.read_deployment_by_name(name if "/" in name else f"{FLOW}/{name}")
    except ObjectNotFound:
        known = [each.name for each in await _deployments(client)]
        raise PlanInvalid(
            f"There is no deployment {name!r}. {did_you_mean(name, known)} Deployments of plans: {listing(known)}. "
            f"Make one with `agentic-prefect deploy PLAN`.".replace("  ", " ")
        ) from None


async def schedules(deployment: str = "") -> Sequence[Scheduled]:
    """The schedules of a deployment, or of all deployments of plans."""
    async with get_client() as client:
        found = [await deployment_of(client, deployment)] if deployment else await _deployments(client)
        return [
            _told(each, schedule, await _next_at(client, each.id, schedule))
            for each in sorted(found, key=lambda each: each.name)
            for schedule in each.schedules
        ]


async def add_schedule(deployment: str, timing: Timing) -> None:
    """Give a deployment another schedule.

    Raises:
        PlanInvalid: It has one of that name, or there is no such deployment.
    """
    async with get_client() as client:
        found = await deployment_of(client, deployment)
        if timing.slug in {_slug(each) for each in found.schedules}:
            raise PlanInvalid(
                f"Deployment {deployment!r} has a schedule {timing.slug!r} already. Choose another `--name`, or remove "
                f"it first."
            )
        await client.create_deployment_schedules(found.id, [timing.as_wanted()])


async def set_active(deployment: str, slug: str, active: bool) -> None:
    """Pause or resume a schedule.

    Raises:
        PlanInvalid: There is none of that name.
    """
    async with get_client() as client:
        found = await deployment_of(client, deployment)
        schedule = _schedule(found, slug)
        # Without its parameters the server would forget them: a field that is left out counts as an empty one.
        await client.update_deployment_schedule(
            found.id, schedule.id, active=active, parameters=dict(schedule.parameters)
        )


async def remove_schedule(deployment: str, slug: str) -> None:
    """Remove a schedule, and the runs that it has planned.

    Raises:
        PlanInvalid: There is none of that name.
    """
    async with get_client() as client:
        found = await deployment_of(client, deployment)
        await client.delete_deployment_schedule(found.id, _schedule(found, slug).id)


async def plan_of(deployment: str) -> Plan | None:
    """The plan that a deployment runs; `None` when it is one of a flow of somebody's own."""
    async with get_client() as client:
        found = await deployment_of(client, deployment)
    reference = (found.parameters or {}).get("plan")
    if found.entrypoint is None or not isinstance(reference, str):
        return None
    return (await asyncio.to_thread(plan_given, reference)).plan


async def inputs_of(deployment: str) -> Mapping[str, Any]:
    """The inputs that a deployment gives its runs unless they are given others."""
    async with get_client() as client:
        found = await deployment_of(client, deployment)
    return dict((found.parameters or {}).get("inputs") or {})


async def users_of(references: Collection[str]) -> list[str]:
    """The deployments that run one of these versions of plans, such as `news@2`, by name."""
    async with get_client() as client:
        found = await _deployments(client)
    return sorted(each.name for each in found if (each.parameters or {}).get("plan") in references)


async def _deployments(client: PrefectClient) -> list[DeploymentResponse]:
    """All deployments of plans."""
    found: list[DeploymentResponse] = []
    while len(found) % MOST == 0:
        page: list[DeploymentResponse] = await client.read_deployments(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
            sort=DeploymentSort.NAME_ASC,
            limit=MOST,
            offset=len(found),
        )
        if not page:
            break
        found += page
    return found


async def _next_at(client: PrefectClient, deployment_id: UUID, schedule: DeploymentSchedule) -> datetime | None:
    runs = await client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=MOST,
    )
    times = (run.next_scheduled_start_time for run in runs if run.created_by and run.created_by.id == schedule.id)
    return next((each for each in times if each is not None), None)


def _schedule(deployment: DeploymentResponse, slug: str) -> DeploymentSchedule:
    by_slug = {_slug(each): each for each in deployment.schedules}
    if slug not in by_slug:
        known = sorted(by_slug)
        raise PlanInvalid(
            f"Deployment {deployment.name!r} has no schedule {slug!r}. {did_you_mean(slug, known)} It has: "
            f"{listing(known)}.".replace("  ", " ")
        )
    return by_slug[slug]


def _slug(schedule: DeploymentSchedule) -> str:
    return schedule.slug or str(schedule.id)


def _told(deployment: DeploymentResponse, schedule: DeploymentSchedule, next_at: datetime | None) -> Scheduled:
    inputs: Mapping[str, Any] = schedule.parameters.get("inputs") or {}
    return Scheduled(
        deployment=deployment.name,
        slug=_slug(schedule),
        when=told(schedule),
        active=schedule.active and not deployment.paused,
        inputs=dict(inputs),
        next_at=next_at,
    )
