"""A deployment's run that waits for people alone holds no process, and goes on when they have answered."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow_async
from prefect.states import AwaitingRetry

from agentic_prefect.bootstrap.assembly import Assembly
from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.errors import Refused
from agentic_prefect.interventions import inbox
from agentic_prefect.interventions.prefect_gate import PrefectGate
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.plans.answers import Answer
from agentic_prefect.runtime.links import run_url
from agentic_prefect.runtime.plan_flow import plan_flow, result_in
from agentic_prefect.runtime.services import use
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from agentic_prefect.testing.builders import make_plan
from tests.interventions.test_asking import flow_run
from tests.runtime.conftest import Bench
from tests.runtime.test_plan_flow import fails

pytestmark = [pytest.mark.prefect]


class Deployed:
    """A plan's deployment, one run of it, and the worker that starts it."""

    def __init__(self, bench: Bench, plan: Plan) -> None:
        self.bench, self.parameters = bench, {"plan": plan.model_dump(mode="json", exclude_unset=True)}
        self.run_id = ""

    async def start(self, **behaviours: Any) -> "Deployed":
        """Make the run, and work on it until it is suspended."""
        self.bench.kind.behaviours = behaviours
        async with get_client() as client:
            flow_id = await client.create_flow(plan_flow)
            deployment = await client.create_deployment(flow_id, name=f"people-{uuid4()}")
            run = await client.create_flow_run_from_deployment(deployment, parameters=self.parameters)
        self.run_id = str(run.id)
        await self.work_until_suspended()
        return self

    async def work_until_suspended(self) -> None:
        """What the worker does, once: the process ends, the run is suspended."""
        with pytest.raises(Pause):
            await self.work()
        assert await self.state() == "Suspended"

    async def work(self) -> PlanResult:
        """What the worker does: a process that works on the run."""
        self.bench.serve()
        run = await flow_run(self.run_id)
        state: Any = await run_flow_async(plan_flow, flow_run=run, parameters=self.parameters, return_type="state")
        return await result_in(state)

    async def state(self) -> str:
        """The state that the server knows."""
        state = (await flow_run(self.run_id)).state
        assert state is not None
        return state.name or ""

    async def resume(self, filled: Mapping[str, Any]) -> str:
        """Fill in the form in the UI; what the server says."""
        async with get_client() as client:
            return (await client.resume_flow_run(UUID(self.run_id), run_input=dict(filled))).status.value

    async def asked(self) -> list[FlowRun]:
        """The runs that asked."""
        async with get_client() as client:
            latest = await client.read_flow_runs(
                flow_run_filter=FlowRunFilter(name=FlowRunFilterName(like_="ask: ")), sort=FlowRunSort.START_TIME_DESC
            )
        return [each for each in latest if self.run_id in str(each.parameters)]


@pytest.fixture
def patient(prefect_server: str) -> Bench:
    """A bench whose runs are suspended as soon as only people are awaited, sooner than a question can be opened."""
    return Bench(gate=PrefectGate(lambda: datetime.now(UTC), run_url), suspend_after_s=0.05)


async def test_answering_resumes_and_nothing_is_paid_twice(patient: Bench) -> None:
    """What succeeded and what failed before the suspension is not done again; the form is that of the question."""
    plan = make_plan(
        {"id": "done"},
        {"id": "lost", "on_failure": "continue"},
        {"id": "asked", "on_failure": "ask_human"},
        {"id": "end", "input": {"a": "{{ tasks.asked.output }}", "b": "{{ tasks.done.output }}"}},
    )
    deployed = await Deployed(patient, plan).start(lost=fails(Refused("no")), asked=fails(Refused("never")))
    paid = sorted(patient.kind.calls)
    (asked,) = await deployed.asked()
    unfit = await deployed.resume({"decision": "nothing"})
    taken = await deployed.resume({"decision": "supply_output", "output": "by hand", "by": "ann"})
    result = await deployed.work()

    assert (unfit, taken) == ("REJECT", "ACCEPT")
    assert asked.state is not None
    assert (asked.state.name, asked.state.message) == (
        "Cancelled", "It is asked in the form of the plan's own run, which is suspended: resume that.",
    )  # fmt: skip
    assert paid == ["asked", "done", "lost"]
    assert patient.kind.calls[len(paid) :] == ["end"]
    assert (result.status, result.run_id) == (PlanStatus.COMPLETED, deployed.run_id)
    assert patient.kind.works[-1].input == {"a": "by hand", "b": "done"}
    assert (result.results["asked"].decisions[0].by, result.results["lost"].status) == ("ann", "failed")
    assert await deployed.state() == "Completed"


async def test_several_questions_in_one_form(patient: Bench) -> None:
    """Each question has a part of the form; what is left is asked again, and what does not fit, saying why."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}, "required": ["n"]}
    plan = make_plan(
        {"id": "a", "on_failure": "ask_human"},
        {"id": "b", "kind": "human", "description": "How many?", "output": schema},
        {"id": "c", "kind": "human", "description": "Go?"},
        result=["{{ tasks.a.output }}", "{{ tasks.b.output.n }}", "{{ tasks.c.output.by }}"],
    )
    deployed = await Deployed(patient, plan).start(a=fails(Refused("no")))
    few = {"decision": "supply_output", "output": {"n": 3}}
    await deployed.resume({"answer_a": {"decision": "retry"}, "answer_b": few})
    await deployed.work_until_suspended()
    waiting = [each for each in await inbox.waiting() if each.run_id == deployed.run_id]
    calls = list(patient.kind.calls)
    await inbox.respond(waiting[0], Answer("supply_output", output='{"n": 6}', by="ann"))
    await deployed.work_until_suspended()
    (last,) = [each for each in await inbox.waiting() if each.run_id == deployed.run_id]
    await inbox.respond(last, Answer("approve", by="bea"))
    result = await deployed.work()

    assert [each.intervention.task_id for each in waiting] == ["b", "c"]
    assert waiting[0].intervention.remark == "The output does not fit: n: 3 is less than the minimum of 5."
    assert calls == ["a", "a"]
    assert patient.kind.calls == calls
    assert result.output == ["fine", 6, "bea"]


async def test_a_retry_starts_afresh(patient: Bench) -> None:
    """A run that failed after a suspension and is retried in the UI tries what failed again, and asks anew."""
    plan = make_plan({"id": "a", "on_failure": "ask_human"})
    deployed = await Deployed(patient, plan).start(a=fails(Refused("no"), Refused("no")))
    await deployed.resume({"decision": "fail", "comment": "not today"})
    failed = await deployed.work()
    async with get_client() as client:
        again = AwaitingRetry(message="Retry from the UI")
        await client.set_flow_run_state(UUID(deployed.run_id), again, force=True)
    await deployed.work_until_suspended()
    await deployed.resume({"decision": "retry"})
    result = await deployed.work()

    assert failed.results["a"].decisions[0].comment == "not today"
    assert patient.kind.calls == ["a", "a", "a"]
    assert result.output == "fine"


class Metered(Bench):
    """A bench with the models and budgets of a real run; each process has its own."""

    def serve(self) -> None:
        services = Assembly(RunOptions(observers=(self.observer,))).services
        use(replace(services, gate=self.gate or services.gate, suspend_after_s=self.suspend_after_s))


@pytest.fixture
def metered(prefect_server: str, openai_env: ScriptedServer) -> Metered:
    """As `patient`, with models and budgets."""
    return Metered(gate=PrefectGate(lambda: datetime.now(UTC), run_url), suspend_after_s=0.05)


async def test_a_suspended_run_has_one_budget(metered: Metered, scripted_server: ScriptedServer) -> None:
    """What was spent before the suspension is spent after it, too, and stands in the result."""
    plan = make_plan(
        {"id": "spent", "description": "First.", "after": "each"},
        {"id": "each", "for_each": [1, 2], "description": "Each {{ item }}."},
        {"id": "ok", "kind": "human", "description": "Go?", "after": "spent"},
        {"id": "more", "description": "Second.", "depends_on": "ok"},
        defaults={"model": "openai/scripted"},
        budget={"calls": 3},
    )
    deployed = await Deployed(metered, plan).start()
    await deployed.resume({"decision": "approve", "by": "ann"})
    result = await deployed.work()
    error = result.results["more"].error

    assert scripted_server.count == 3
    assert error is not None
    assert error.code == "budget_exceeded"
    assert "3 model calls; 3 are spent" in error.message
    assert (result.usage.calls, [result.results[each].usage.calls for each in ("spent", "each[0]")]) == (3, [1, 1])
    assert not any(each.cached for each in result.results.values())


async def test_a_task_s_budget_outlasts_suspensions(metered: Metered, scripted_server: ScriptedServer) -> None:
    """A call that failed before the suspension is paid out of the task's budget; what is allowed then is paid, too."""
    scripted_server.on("First", Fault.status(400), Reply.text("one"))
    plan = make_plan(
        {"id": "a", "description": "First.", "budget": {"calls": 1}, "on_failure": "ask_human"},
        defaults={"model": "openai/scripted"},
    )
    deployed = await Deployed(metered, plan).start()
    await deployed.resume({"decision": "retry"})
    await deployed.work_until_suspended()
    (asked,) = [each for each in await inbox.waiting() if each.run_id == deployed.run_id]
    sent = scripted_server.count
    await deployed.resume({"decision": "retry", "more": "calls=1"})
    result = await deployed.work()

    assert asked.intervention.error is not None
    assert asked.intervention.error.is_over_budget
    assert (sent, scripted_server.count) == (1, 2)
    assert (result.output, result.usage.calls) == ("one", 2)
    # Each question has a run of its own, whose parameters tell what is asked.
    assert sorted(each.parameters["intervention"]["question"] for each in await deployed.asked()) == [
        "Task 'a' failed. What is to be done?", "Task 'a' was stopped by its budget. May more be spent?",
    ]  # fmt: skip


async def test_who_keeps_the_time_stays(patient: Bench) -> None:
    """A question with a deadline keeps its process, which takes the default in time."""
    plan = make_plan(
        {"id": "ok", "kind": "human", "description": "Go?", "ask": {"deadline_s": 4, "default": "approve"}}
    )
    deployed = Deployed(patient, plan)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await deployed.start()

    assert await deployed.state() == "Completed"
    assert patient.observer.names("ok")[-1] == "agentic.task.output_available"


async def test_a_plan_with_a_time_limit_stays(patient: Bench) -> None:
    """A plan whose time is limited keeps its process while people think, and is over in time."""
    plan = make_plan({"id": "ok", "kind": "human", "description": "Go?"}, budget={"wall_s": 4})
    deployed = Deployed(patient, plan)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await deployed.start()

    assert await deployed.state() == "TimedOut"
    assert "agentic.plan.budget_exceeded" in [each.name for each in patient.observer.events]
