"""Takes up the runs of deployments in this process, as a worker does in processes of its own: quicker, and visible."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.flow_engine import run_flow_async

from agentic_prefect.doors import run_plan as plan_door
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.form import input_defaults, plan_form
from agentic_prefect.plans.load import dump_plan

LOOK_S = 0.1
"""How often it looks for runs."""


class InProcessWorker:
    """Deploys flows and plans under names of its own, and works on their runs while it is entered."""

    def __init__(self) -> None:
        self._flows: dict[UUID, Flow[Any, Any]] = {}
        self._at_work: dict[UUID, asyncio.Task[Any]] = {}
        """By the state in which a run was found."""
        self._loop: asyncio.Task[None] | None = None

    async def deploy(self, flow: Flow[Any, Any], *, pool: str | None = None, **fields: Any) -> str:
        """Deploy a flow; the deployment's name, as `FLOW/DEPLOYMENT`."""
        name = f"d-{uuid4().hex[:8]}"
        async with get_client() as client:
            if pool is not None:
                await client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
            made = await client.create_deployment(
                await client.create_flow(flow), name=name, work_pool_name=pool, **fields
            )
        self._flows[made] = flow
        return f"{flow.name}/{name}"

    async def deploy_plan(self, plan: Plan) -> str:
        """Deploy a plan as `agentic-prefect deploy` does; the deployment's name alone."""
        given = {"plan": dump_plan(plan), "inputs": input_defaults(plan)}
        name = await self.deploy(
            plan_door, parameters=given, parameter_openapi_schema=plan_form(plan), enforce_parameter_schema=True
        )
        return name.partition("/")[2]

    def rest(self) -> None:
        """Take up nothing any more."""
        assert self._loop is not None
        self._loop.cancel()

    async def runs(self) -> list[FlowRun]:
        """The runs of everything that was deployed, by name."""
        async with get_client() as client:
            found = await client.read_flow_runs(
                deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(self._flows))),
                sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            )
        return sorted(found, key=lambda run: run.name)

    async def states(self) -> list[tuple[str, str]]:
        """The runs' names, without the deployment's, and states."""
        runs = await self.runs()
        return [(run.name.partition(":")[0], (run.state.name if run.state else None) or "") for run in runs]

    def begin(self) -> None:
        """Take up runs from here on."""
        self._loop = asyncio.create_task(self._work())

    async def __aenter__(self) -> "InProcessWorker":
        self.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._loop is not None
        for task in (self._loop, *self._at_work.values()):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    async def _work(self) -> None:
        while True:
            for run in await self.runs() if self._flows else ():
                assert run.deployment_id is not None
                if run.state is not None and run.state.is_scheduled() and run.state.id not in self._at_work:
                    flow = self._flows[run.deployment_id]
                    self._at_work[run.state.id] = asyncio.create_task(_worked(flow, run, run.parameters))
            await asyncio.sleep(LOOK_S)


async def _worked(flow: Flow[Any, Any], run: FlowRun, parameters: Mapping[str, Any]) -> None:
    await run_flow_async(flow, flow_run=run, parameters=dict(parameters), return_type="state")
