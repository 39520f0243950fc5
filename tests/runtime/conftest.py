"""Runs plans on a real Prefect server with kinds of tasks that the tests write themselves."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State, TaskRun, TaskRunResult

from agentic_prefect.agents.human_kind import HumanKind
from agentic_prefect.interventions.desk import Nobody
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.run_record import RunRecord
from agentic_prefect.plans.schemas import SchemaRegistry, resolve_output
from agentic_prefect.ports import HumanGate, Observer, Work
from agentic_prefect.runtime.plan_flow import result_in, start
from agentic_prefect.runtime.plan_kind import PlanKind
from agentic_prefect.runtime.services import Services, use
from agentic_prefect.runtime.stop import StopSignal
from agentic_prefect.testing.recording import RecordingObserver

Behaviour = Callable[[Work], Awaitable[Any]]


@dataclass
class Scripted:
    """A kind of task whose behaviour is given by task id; without one the output is the task's name."""

    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)

    async def execute(self, work: Work) -> Any:
        self.calls.append(work.task_id)
        self.works.append(work)
        behaviour = self.behaviours.get(work.task_id) or self.behaviours.get(work.task.id)
        return await behaviour(work) if behaviour else work.task_id


@dataclass
class Bench:
    """Runs plans and looks at what the server knows about them."""

    kind: Scripted = field(default_factory=Scripted)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    stop: StopSignal = field(default_factory=StopSignal)
    others: list[Observer] = field(default_factory=list)
    options: PolicyFields = field(default_factory=PolicyFields)
    gate: HumanGate | None = None
    suspend_after_s: float | None = None
    state: State[Any] | None = None

    async def run(
        self,
        plan: Plan,
        inputs: Mapping[str, Any] | None = None,
        *,
        record: RunRecord | None = None,
        **behaviours: Behaviour,
    ) -> PlanResult:
        self.kind.behaviours = {**self.kind.behaviours, **behaviours}
        self.serve()
        self.state = await start(plan, inputs or {}, record=record or RunRecord())
        return await result_in(self.state)

    def serve(self) -> None:
        """Have everything that runs in this context from here on use this bench."""
        use(
            Services(
                kinds=lambda info: {
                    "agent": self.kind,
                    "plan": PlanKind(self._no_stored_plan, info.lineage),
                    "human": HumanKind(),
                },
                observers=lambda _: [*self.others, self.observer],
                output_of=lambda task: resolve_output(task.output, SchemaRegistry(), lambda _: dict),
                find_plan=self._no_stored_plan,
                options=self.options,
                draw=lambda: 0.5,
                stop=self.stop,
                gate=self.gate or Nobody(lambda: datetime.now(UTC)),
                suspend_after_s=self.suspend_after_s,
            )
        )

    @staticmethod
    def _no_stored_plan(name: str) -> Plan:
        raise KeyError(name)


@pytest.fixture
def bench(prefect_server: str) -> Bench:
    """A fresh bench."""
    return Bench()


async def eventually(look: Callable[[], Awaitable[Any]], *, within_s: float = 150.0) -> Any:
    """What `look` gives once it gives something: what the server knows arrives late."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        found = await look()
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"the server did not know it within {within_s:g} s"
        await asyncio.sleep(0.1)


async def task_runs(run_id: str, count: int) -> dict[str, TaskRun]:
    """The finished task runs of a flow run by name, once there are `count` of them."""

    async def look() -> dict[str, TaskRun] | None:
        async with get_client() as client:
            runs = await client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run_id)])))
        done = {run.name: run for run in runs if run.state is not None and run.state.is_final()}
        return done if len(done) >= count else None

    return await eventually(look)


async def states_of(task_run: TaskRun, last: str) -> list[str]:
    """The names of all states of a task run, in order, once `last` is among them."""

    async def look() -> list[str] | None:
        async with get_client() as client:
            answer = await client._client.get("/task_run_states/", params={"task_run_id": str(task_run.id)})
        names = [state["name"] for state in sorted(answer.json(), key=lambda state: state["timestamp"])]
        return names if last in names else None

    return await eventually(look)


def upstream_of(task_run: TaskRun) -> set[str]:
    """The ids of the task runs that a task run waited for."""
    inputs = (each for several in task_run.task_inputs.values() for each in several)
    return {str(each.id) for each in inputs if isinstance(each, TaskRunResult)}
