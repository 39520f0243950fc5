"""Tasks whose work is a run of a deployment, on a real Prefect server."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow, get_client, task
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterId
from prefect.flow_engine import run_flow_async
from prefect.flow_runs import apause_flow_run
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH
from prefect.states import AwaitingRetry, Cancelled, Crashed

from agentic_prefect import RunOptions, run_plan
from agentic_prefect.bootstrap import check, services
from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.runtime.plan_flow import plan_flow, result_in
from agentic_prefect.runtime.services import use
from agentic_prefect.runtime.stop import StopSignal
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from agentic_prefect.testing.builders import make_plan
from tests.runtime.conftest import eventually, upstream_of
from tests.runtime.in_process_worker import InProcessWorker

pytestmark = [pytest.mark.prefect]

started: list[Any] = []
"""What the flows below were called with."""


@flow(name="report", persist_result=True, result_serializer="json")
async def report(city: str, mode: str = "") -> Any:
    """Writes about a city, or does what `mode` says."""
    started.append(city)
    match mode:
        case "fail" | "fail once":
            if mode == "fail" or started.count(city) == 1:
                raise ValueError(f"no {city} on the map")
        case "hang":
            await asyncio.Event().wait()
        case "pause":
            await apause_flow_run(timeout=600, poll_interval=1)
        case _:
            pass
    return {"about": city, "edition": started.count(city)} if mode == "edition" else {"about": city}


@flow(name="forgetful")
async def forgetful() -> str:
    """Keeps nothing of what it returns."""
    return "gone"


@task
def report_task() -> None:
    """Stands for a run below another one."""


def _lose(flow: Any, flow_run: Any, state: Any) -> None:
    Path(state.data.metadata.storage_key).unlink()


@flow(name="loses-it", persist_result=True, result_serializer="json", on_completion=[_lose])
async def loses_it() -> str:
    """Returns what nobody can read afterwards."""
    return "gone"


def _forget_results() -> None:
    """Remove the results of tasks, as if the process had been killed before it stored them; those of flows stay."""
    for path in PREFECT_LOCAL_STORAGE_PATH.value().iterdir():
        if len(path.name) == 64:
            path.unlink()


@pytest.fixture(autouse=True)
def _any_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_DEPLOYMENTS", '["*"]')


@pytest.fixture
async def worker(prefect_server: str) -> AsyncIterator[InProcessWorker]:
    """A worker on whatever it deploys."""
    started.clear()
    async with InProcessWorker() as working:
        yield working


def calls(deployment: str, given: Any = None, **fields: Any) -> Plan:
    """A plan with one task, `work`, that runs a deployment."""
    return make_plan({"id": "work", "kind": "deployment", "call": deployment, "input": given, **fields})


async def test_each_item_becomes_a_run_below_its_task(worker: InProcessWorker) -> None:
    """The outputs stand in order; each run has a readable name and the item's parameters, and the graph leads to it."""
    name = await worker.deploy(report)
    plan = calls(name, {"city": "{{ item }}"}, for_each=["Oslo", "Rome"], tags=["tour"])
    result = await run_plan(plan)
    runs = await worker.runs()
    async with get_client() as client:
        stand_ins = await client.read_task_runs(
            task_run_filter=TaskRunFilter(id=TaskRunFilterId(any_=[run.parent_task_run_id or run.id for run in runs]))
        )

    assert result.output == [{"about": "Oslo"}, {"about": "Rome"}]
    short = name.partition("/")[2]
    assert [(run.name, run.parameters, run.tags) for run in runs] == [
        (f"work[0]: {short}", {"city": "Oslo"}, ["tour"]),
        (f"work[1]: {short}", {"city": "Rome"}, ["tour"]),
    ]
    assert [(str(each.flow_run_id), each.state_name) for each in stand_ins] == [(result.run_id, "Completed")] * 2
    assert set().union(*map(upstream_of, stand_ins)) == {result.results[item].run_id for item in ("work[0]", "work[1]")}


async def test_a_plan_runs_no_other_flow_unless_it_may(
    worker: InProcessWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default it may run plans alone, wherever it comes from; in a sub-plan that is found late, too."""
    monkeypatch.delenv("PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_DEPLOYMENTS")
    name = await worker.deploy(report)
    part = {"name": "part", "tasks": [{"id": "work", "kind": "deployment", "call": name, "input": {"city": "Oslo"}}]}
    told = [each.message for each in check(calls(name, {"city": "Oslo"}))]
    alone = (await run_plan(calls(name, {"city": "Oslo"}))).results["work"].error
    within = (await run_plan(make_plan({"id": "sub", "kind": "plan", "plan": part}))).results["sub"].status

    refusal = f"a plan may not run the deployment {name!r}: allowed are run-plan/*. Allow it with the setting"
    assert len(told) == 1
    assert told[0].startswith(refusal)
    assert alone is not None
    assert (alone.code, refusal in alone.message) == (ErrorCode.PLAN_INVALID, True)
    assert (within, await worker.runs()) == (TaskStatus.FAILED, [])


async def test_a_plan_of_ours_takes_its_inputs_and_tells_its_cost(
    worker: InProcessWorker, openai_env: ScriptedServer
) -> None:
    """Its output is the task's, and its usage counts; once a budget is used up no further run is made."""
    openai_env.answer_by_default(Reply.text("sunny"))
    inner = make_plan(
        {"id": "look", "description": "Weather in {{ inputs.city }}", "model": "openai/scripted"},
        name="weather",
        inputs={"city": {"type": "string"}, "days": {"type": "integer", "default": 3}},
    )
    name = await worker.deploy_plan(inner)
    task = {
        "id": "work",
        "kind": "deployment",
        "call": name,
        "for_each": ["Oslo", "Rome", "Bern"],
        "max_concurrency": 1,
    }
    plan = make_plan({**task, "input": {"city": "{{ item }}"}}, budget={"calls": 2})
    result = await run_plan(plan)
    runs = await worker.runs()

    assert [run.parameters["inputs"] for run in runs] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert len(openai_env.requests_matching("Weather in")) == 2
    items = [result.results[f"work[{index}]"] for index in range(3)]
    assert [each.output for each in items] == ["sunny", "sunny", None]
    assert [each.usage.calls for each in items] == [1, 1, 0]
    assert result.usage.calls == 2
    assert items[2].error is not None
    assert (items[2].error.code, items[2].error.message) == (
        "budget_exceeded",
        f"The budget of plan 'plan' is 2 model calls, and 2 are spent. No run of deployment {name!r} was made for "
        f"'work[2]'.",
    )


async def test_after_a_failed_run_the_next_pays_only_for_the_rest(
    worker: InProcessWorker, openai_env: ScriptedServer
) -> None:
    """A new attempt is a new run, which goes on from the one that failed; what both cost is counted."""
    openai_env.on("First", Reply.text("one"))
    openai_env.on("Second", Fault.status(400), Reply.text("two"))
    inner = make_plan(
        {"id": "a", "description": "First", "model": "openai/scripted"},
        {"id": "b", "description": "Second", "model": "openai/scripted", "depends_on": "a"},
        name="pair",
    )
    name = await worker.deploy_plan(inner)
    plan = calls(name, failure_policy={"unexpected": {"retry": 1, "base_s": 0}})
    result = await run_plan(plan)
    runs = sorted(await worker.runs(), key=lambda run: run.created or 0)

    assert (result.output, result.results["work"].attempts) == ("two", 2)
    assert [(run.state_name, run.parameters.get("resume")) for run in runs] == [
        ("PartialFailure", None),
        ("Completed", str(runs[0].id)),
    ]
    assert [len(openai_env.requests_matching(text)) for text in ("First", "Second")] == [1, 2]
    assert result.usage.calls == 3


async def test_a_retry_in_the_ui_takes_the_same_runs(worker: InProcessWorker, openai_env: ScriptedServer) -> None:
    """A deployed plan that is retried finds the runs that it made, also where it kept nothing of them."""
    openai_env.on("Sum up", Fault.status(400), Reply.text("both fine"))
    report_name = await worker.deploy(report)
    plan = make_plan(
        {"id": "work", "kind": "deployment", "call": report_name, "input": {"city": "Oslo"}},
        {"id": "end", "description": "Sum up {{ tasks.work.output }}", "model": "openai/scripted"},
    )
    outer = await worker.deploy_plan(plan)
    async with get_client() as client:
        deployment = await client.read_deployment_by_name(f"run-plan/{outer}")
        run = await client.create_flow_run_from_deployment(deployment.id, name="the plan")
        await eventually(lambda: _is(worker, "the plan", "PartialFailure"))
        _forget_results()
        await client.set_flow_run_state(run.id, AwaitingRetry(message="Retry from the UI"), force=True)
        await eventually(lambda: _is(worker, "the plan", "Completed"))

    assert [name for name, _ in await worker.states()] == ["the plan", "work"]
    assert started == ["Oslo"]
    assert len(openai_env.requests_matching("Sum up")) == 2


async def test_a_failed_run_fails_the_attempt(worker: InProcessWorker) -> None:
    """The error says how the run ended and where to look at it; the next attempt is a run of its own."""
    name = await worker.deploy(report)
    once = {"unexpected": {"retry": 1, "base_s": 0}}
    result = await run_plan(calls(name, {"city": "Ys", "mode": "fail once"}, failure_policy=once))
    failed = await run_plan(calls(name, {"city": "Ys", "mode": "fail"}))
    runs = {str(run.id): run for run in await worker.runs()}

    assert (result.output, result.results["work"].attempts) == ({"about": "Ys"}, 2)
    assert sorted(run.state_name or "" for run in runs.values()) == ["Completed", "Failed", "Failed"]
    error = failed.results["work"].error
    assert error is not None
    said, _, link = error.message.partition(" See ")
    assert said == (
        f"The run 'work: {name.partition('/')[2]}' of deployment {name!r} ended Failed: Flow run encountered an "
        f"exception: ValueError: no Ys on the map."
    )
    assert runs[link.rpartition("/")[2]].state_name == "Failed"


async def test_an_output_that_is_not_accepted_is_not_taken_twice(worker: InProcessWorker) -> None:
    """The run completed, and the next attempt is another one all the same."""
    name = await worker.deploy(report)
    second = {"type": "object", "properties": {"edition": {"type": "integer", "minimum": 2}}}
    again = {"invalid_output": {"retry": 1, "base_s": 0}}
    plan = calls(name, {"city": "Oslo", "mode": "edition"}, output=second, failure_policy=again)
    result = await run_plan(plan)

    assert (result.output, result.results["work"].attempts) == ({"about": "Oslo", "edition": 2}, 2)
    assert await worker.states() == [("work", "Completed"), ("work", "Completed")]


async def test_a_flow_that_was_stopped_is_not_done_again(worker: InProcessWorker) -> None:
    """Somebody cancelled it, or its process died: the task fails, saying so, since all would be done twice."""
    name = await worker.deploy(report)
    plan = calls(name, {"city": "{{ item }}", "mode": "hang"}, for_each=["Oslo", "Rome"])
    running = asyncio.create_task(run_plan(plan))
    await eventually(lambda: _is(worker, "work[0]", "Running"))
    await eventually(lambda: _is(worker, "work[1]", "Running"))
    async with get_client() as client:
        for run, state in zip(
            await worker.runs(), (Cancelled(message="no need"), Crashed(message="gone")), strict=True
        ):
            await client.set_flow_run_state(run.id, state, force=True)
    results = (await running).results
    errors = [results[f"work[{index}]"].error for index in range(2)]

    told = [error.message if error else "" for error in errors]
    assert f"of deployment {name!r} ended Cancelled: no need. See " in told[0]
    assert f"of deployment {name!r} ended Crashed: gone. See " in told[1]
    assert sorted(started) == ["Oslo", "Rome"]


async def test_a_plan_whose_process_died_goes_on_in_another_run(
    worker: InProcessWorker, openai_env: ScriptedServer
) -> None:
    """It is an error that is tried again, and what had been finished is not paid again."""
    openai_env.on("First", Reply.text("one"))
    openai_env.on("Second", Reply.hold(), Reply.text("two"))
    inner = make_plan(
        {"id": "a", "description": "First", "model": "openai/scripted"},
        {"id": "b", "description": "Second", "model": "openai/scripted", "depends_on": "a"},
        name="pair",
    )
    name = await worker.deploy_plan(inner)
    running = asyncio.create_task(run_plan(calls(name, retry={"base_s": 0})))
    await openai_env.wait_for_requests_async(2, timeout_s=120)
    (run,) = await worker.runs()
    async with get_client() as client:
        await client.set_flow_run_state(run.id, Crashed(message="gone"), force=True)
    result = await running

    assert (result.output, result.results["work"].attempts) == ("two", 2)
    assert [len(openai_env.requests_matching(text)) for text in ("First", "Second")] == [1, 2]


async def test_a_cancelled_plan_cancels_its_runs(caplog: pytest.LogCaptureFixture) -> None:
    """Runs that no worker has taken up end Cancelled with the plan; that no worker is there was said once."""
    pool, stop = f"empty-{uuid4().hex[:8]}", StopSignal()
    async with InProcessWorker() as nobody:
        name = await nobody.deploy(report, pool=pool)
        nobody.rest()
        plan = calls(name, {"city": "{{ item }}"}, for_each=["Oslo", "Rome"])
        with caplog.at_level(logging.INFO):
            running = asyncio.create_task(run_plan(plan, stop=stop))
            await eventually(lambda: _said(caplog, "waits for a worker"))
            await eventually(lambda: _count(nobody, 2))
            stop.request("enough")
            result = await running
        states = await nobody.states()

    assert (result.status, states) == ("cancelled", [("work[0]", "Cancelled"), ("work[1]", "Cancelled")])
    told = [record.getMessage() for record in caplog.records if "waits for a worker" in record.getMessage()]
    assert len(told) == 1
    assert told[0].endswith(f"of the pool {pool!r}. None is there: `prefect worker start --pool {pool}`.")


async def test_what_was_cancelled_in_the_queue_is_done_by_a_later_run(openai_env: ScriptedServer) -> None:
    """Nothing can be taken over from a run that never began; going on makes another."""
    openai_env.answer_by_default(Reply.text("done"))
    stop = StopSignal()
    async with InProcessWorker() as busy:
        busy.rest()
        inner = make_plan({"id": "a", "description": "First", "model": "openai/scripted"}, name="inner")
        plan = calls(await busy.deploy_plan(inner))
        running = asyncio.create_task(run_plan(plan, stop=stop))
        await eventually(lambda: _count(busy, 1))
        stop.request("enough")
        first = await running
        busy.begin()
        second = await run_plan(plan, options=RunOptions(resume=first.run_id))
        runs = await busy.runs()

    assert (first.status, second.output) == ("cancelled", "done")
    assert sorted((run.state_name, run.parameters.get("resume")) for run in runs) == [
        ("Cancelled", None),
        ("Completed", None),
    ]


async def test_runs_are_not_nested_without_end(worker: InProcessWorker) -> None:
    """A run with five others above it makes none."""
    name = await worker.deploy(report)
    plan = calls(name, {"city": "Oslo"})
    async with get_client() as client:
        run = await client.create_flow_run(plan_flow)
        for level in range(5):
            task_run = await client.create_task_run(report_task, run.id, dynamic_key=str(level))
            run = await client.create_flow_run(plan_flow, parent_task_run_id=task_run.id)
    use(services())
    state: Any = await run_flow_async(
        plan_flow, flow_run=run, parameters={"plan": plan.model_dump(exclude_unset=True)}, return_type="state"
    )
    error = (await result_in(state)).results["work"].error

    assert error is not None
    assert error.message.startswith("5 runs lie above this one, and it is to make another.")
    assert await worker.runs() == []


async def test_an_attempt_whose_time_is_up_cancels_its_run(worker: InProcessWorker) -> None:
    """The task times out and its run is told to end."""
    name = await worker.deploy(report)
    result = await run_plan(calls(name, {"city": "Oslo", "mode": "hang"}, timeout_s=1.5, retries=0))
    ((_, state),) = await worker.states()

    error = result.results["work"].error
    assert error is not None
    assert (error.code, error.message) == ("timeout", "No result within 1.5 s (attempt 1).")
    assert state == "Cancelling"


async def test_a_run_that_waits_for_people_is_waited_for(
    worker: InProcessWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """While it is paused the attempt's time stands still, and the log says where to answer."""
    name = await worker.deploy(report)
    with caplog.at_level(logging.INFO):
        running = asyncio.create_task(run_plan(calls(name, {"city": "Oslo", "mode": "pause"}, timeout_s=20)))
        await eventually(lambda: _said(caplog, "waits for people"))
        (run,) = await worker.runs()
        async with get_client() as client:
            await client.resume_flow_run(run.id)
        result = await running

    assert result.output == {"about": "Oslo"}
    assert any(str(run.id) in said for said in await _said(caplog, "waits for people") or ())


async def test_what_was_not_kept_cannot_be_read(worker: InProcessWorker) -> None:
    """The error of a flow that keeps no result says how it would."""
    name = await worker.deploy(forgetful)
    result = await run_plan(calls(name))

    error = result.results["work"].error
    assert error is not None
    short = name.partition("/")[2]
    assert error.message.startswith(
        f"The run 'work: {short}' of deployment {name!r} completed, and what it returned was not kept. Give its flow "
        f"`persist_result=True` and let it return JSON data."
    )


async def test_results_must_be_where_the_plan_can_read_them(worker: InProcessWorker) -> None:
    """A result that is gone, or lies on another machine, is said to be unreachable, and how it would be reached."""
    name = await worker.deploy(loses_it)
    result = await run_plan(calls(name))

    error = result.results["work"].error
    assert error is not None
    assert "completed, and what it put out cannot be read here (" in error.message
    assert "a storage block (PREFECT_DEFAULT_RESULT_STORAGE_BLOCK) or a shared folder" in error.message


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"town": "Oslo"}, "The server takes no run of deployment"),
        ({"city": "sk-scripted"}, "The input of 'work' holds a key that is in use here"),
        (["Oslo"], "The input of 'work' must be a mapping: the parameters of deployment"),
    ],
    ids=["refused", "secret", "list"],
)
async def test_an_input_that_does_not_fit_makes_no_run(
    given: Any, said: str, worker: InProcessWorker, openai_env: ScriptedServer
) -> None:
    """What the server refuses, what would be kept in clear, and what is no parameters."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    name = await worker.deploy(report, parameter_openapi_schema=schema, enforce_parameter_schema=True)
    result = await run_plan(calls(name, given))

    error = result.results["work"].error
    assert error is not None
    assert said in error.message
    assert await worker.runs() == []


async def test_a_text_about_passwords_is_no_reason_to_refuse(
    worker: InProcessWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """What looks like a key reaches the run as it is, and the log warns once of where it stands in clear."""
    name = await worker.deploy(report)
    texts = ["password: hunter22", "token=abcdefgh12345678"]
    result = await run_plan(calls(name, {"city": "{{ item }}"}, for_each=texts))

    assert result.successful
    assert sorted(started) == sorted(texts)
    assert len(await _said(caplog, "what looks like a key or a password")) == 1


@pytest.mark.xdist_group("pool")  # where a test makes two hundred others for a moment
async def test_a_deployment_that_is_not_there_is_told_before_anything_is_paid(worker: InProcessWorker) -> None:
    """The doors' check names the one that was meant; so does the task, when nobody checked."""
    name = await worker.deploy(report)
    (problem,) = check(calls(f"{name[:-1]}_"))
    result = await run_plan(calls(f"{name[:-1]}_"))

    assert check(calls(name)) == ()
    assert str(problem).startswith(f"task work: call: there is no deployment '{name[:-1]}_'. Did you mean {name!r}?")
    error = result.results["work"].error
    assert error is not None
    assert error.message.startswith(f"There is no deployment '{name[:-1]}_'. Did you mean {name!r}?")


async def test_a_rehearsal_makes_no_run(worker: InProcessWorker) -> None:
    """The output is made up from the schema, or a text that says what it stands for."""
    name = await worker.deploy(report)
    shape = {"type": "object", "properties": {"about": {"type": "string", "enum": ["Oslo"]}}, "required": ["about"]}
    shaped = await run_plan(calls(name, {"city": "Rome"}, output=shape), options=RunOptions(rehearse=True))
    plain = await run_plan(calls(name), options=RunOptions(rehearse=True))

    assert shaped.output == {"about": "Oslo"}
    assert plain.output == f"(what a run of {name} would put out)"
    assert await worker.runs() == []


async def _said(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if text in record.getMessage()]


async def _is(worker: InProcessWorker, name: str, state: str) -> bool:
    return (name, state) in await worker.states()


async def _count(worker: InProcessWorker, count: int) -> bool:
    return len(await worker.runs()) == count
