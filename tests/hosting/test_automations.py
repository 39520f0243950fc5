"""Each automation acts: the server's own services hear the events and do what they are told."""

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import Event, RelatedResource, Resource
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from prefect.states import Completed, Failed, Running

from agentic_prefect import RunOptions, load_plan, run_plan
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.hosting.automations import (
    ALERTS,
    HEARTBEAT,
    SHORTEST,
    Chain,
    install_alerts,
    install_chain,
    install_zombies,
    installed,
    remove,
)
from agentic_prefect.models.events import InterventionRequested, InterventionResolved
from agentic_prefect.observers.prefect_events import PrefectEventObserver
from tests import patient

pytestmark = [pytest.mark.prefect, pytest.mark.automations]
PATIENCE_S = 120.0


class Inbox:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.letters: list[dict[str, str]] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                letter = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                inbox.letters.append(letter)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def about(self, subject: str, words: str) -> list[dict[str, str]]:
        """The letters with that subject and these words."""
        return [each for each in self.letters if each["subject"] == subject and words in each["body"]]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """Where the notifications go."""
    made = Inbox()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
async def notify(inbox: Inbox, prefect_server: str) -> AsyncIterator[str]:
    """The notification block that writes to the inbox."""
    name = f"inbox-{uuid.uuid4().hex[:8]}"
    block = CustomWebhookNotificationBlock(
        name=name, url=inbox.url, json_data={"subject": "{{subject}}", "body": "{{body}}"}, headers=None, cookies=None
    )
    await block.save(name)  # type: ignore[misc]
    yield f"{block.get_block_type_slug()}/{name}"
    for alert in ALERTS:
        await remove(alert)


async def test_alerts_reach_whoever_is_to_be_told(notify: str, inbox: Inbox) -> None:
    """A failure, a partial failure, a lost task and an exceeded budget are told of with the plan's own words."""
    # F-43 D-09 A-Q1
    await install_alerts(ALERTS, notify=notify)
    mark = uuid.uuid4().hex[:8]
    await _fail_a_run_of("somebody-elses-flow", f"foreign-{mark}")
    tasks = "[{id: one, description: First}, {id: two, description: Second, depends_on: one}]"
    plan = load_plan(f"name: part-{mark}\ntasks: {tasks}")
    await run_plan(plan, options=RunOptions(rehearse=True, faults=["two:refusal"]))
    await run_plan(
        load_plan(f"name: all-{mark}\ntasks: {tasks}"), options=RunOptions(rehearse=True, faults=["one:400"])
    )
    await run_plan(
        load_plan(f"name: poor-{mark}\nbudget: {{calls: 1}}\ntasks: {tasks}"), options=RunOptions(rehearse=True)
    )

    partial = await _eventually(lambda: inbox.about("A plan ended with a partial failure", f"part-{mark}"))
    failed = await _eventually(lambda: inbox.about("A plan failed", f"all-{mark}"))
    poor = await _eventually(lambda: inbox.about("A plan has used up its budget", f"poor-{mark}"))

    lost = await _eventually(lambda: inbox.about("A task has failed for good", f"part-{mark}, task two"))

    # The server may deliver an event twice.
    assert [len({letter["body"] for letter in letters}) for letters in (partial, failed, poor)] == [1, 1, 1]
    assert "ended PartialFailure" in partial[0]["body"]
    assert "deadletters list" in lost[0]["body"]
    assert "calls" in poor[0]["body"]
    assert inbox.about("A plan failed", f"part-{mark}") == []
    # It failed first, and a flow that is no plan is none of our business.
    assert inbox.about("A plan failed", f"foreign-{mark}") == []


async def test_a_question_that_waits_too_long_is_told_of(notify: str, inbox: Inbox) -> None:
    """One that was answered is not."""
    # F-43
    await install_alerts(["waiting"], notify=notify, waiting_for=SHORTEST)
    run_id = str(uuid.uuid4())
    observer = PrefectEventObserver(flow_run_id=None)
    observer.on_event(_question(run_id, "answered"))
    # The server works on events side by side; an answer that came with the question might be seen before it.
    await _eventually(lambda: _is_known(f"agentic.task.{run_id}.answered"))
    observer.on_event(
        InterventionResolved(
            at=datetime.now(UTC), plan="ask", run_id=run_id, task_id="answered", intervention_id="q", action="approve"
        )
    )
    observer.on_event(_question(run_id, "forgotten"))

    letters = await _eventually(lambda: inbox.about("A question waits for an answer", "task forgotten"))

    assert "Shall we?" in letters[0]["body"]
    assert inbox.about("A question waits for an answer", "task answered") == []


async def test_a_run_whose_process_is_gone_ends_crashed(prefect_server: str) -> None:
    """Its heart beat once and nothing more was heard; the message says how to go on. A run that is not one of a
    plan, and of which nothing was heard for longer, is left alone.
    """
    # F-43
    foreign, run = [await _run_of(flow, Running()) for flow in ("somebody-elses-flow", "run-plan")]
    names = [await install_zombies(SHORTEST, run_id=str(each.id)) for each in (foreign, run)]
    for each, flow in ((foreign, "somebody-elses-flow"), (run, "run-plan")):
        _beat(prefect_server, each, flow)
        # The server works on events side by side.
        await _eventually(lambda each=each: _is_known(f"prefect.flow-run.{each.id}", HEARTBEAT))

    async def crashed() -> str | None:
        state = await _state_of(run)
        return state.message if state is not None and state.is_crashed() else None

    message = await _eventually(crashed)
    left_alone = await _state_of(foreign)
    for name in names:
        await remove(name)

    assert message == (
        "Nothing was heard of this run for 0:00:10: its process is gone. Retry it to go on where it ended."
    )
    assert left_alone is not None
    assert left_alone.is_running()


async def test_a_plan_runs_after_another_one(prefect_server: str) -> None:
    """A run of the second deployment is made, with its inputs, when the first one has completed."""
    # F-43
    async with get_client() as client:
        flow_id = await client.create_flow_from_name("run-plan")
        names = [f"{which}-{uuid.uuid4().hex[:8]}" for which in ("first", "then")]
        first, then = [await client.create_deployment(flow_id, name) for name in names]
        await install_chain(Chain(names[0], names[1], {"inputs": {"topic": "tea"}}))
        run = await client.create_flow_run_from_deployment(first)
        await client.set_flow_run_state(run.id, Completed(), force=True)

    async def followed() -> list[Any]:
        async with get_client() as client:
            return await client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[then])))

    runs = await _eventually(followed)
    await remove(f"{names[1]} after {names[0]}")

    assert [each.parameters for each in runs] == [{"inputs": {"topic": "tea"}}]


async def test_installing_again_changes_one_and_leaves_it_switched_off(prefect_server: str) -> None:
    """There is one of each, and who switched it off has the last word."""
    await install_zombies()
    async with get_client() as client:
        (found,) = await client.read_automations_by_name("agentic: zombies")
        await client.pause_automation(found.id)
        await install_zombies(timedelta(minutes=20))
        (again,) = await client.read_automations_by_name("agentic: zombies")
        await client.resume_automation(found.id)

    assert (again.id, again.enabled) == (found.id, False)
    assert "0:20:00" in again.description


@pytest.mark.parametrize("notify", ["slack-webhook/nobody", "team"])
async def test_a_block_that_is_not_there_is_told(notify: str, prefect_server: str) -> None:
    """Nothing is installed that could not tell anybody."""
    with pytest.raises(PlanInvalid, match=f"no notification block '{notify}'"):
        await install_alerts(["waiting"], notify=notify)


async def test_what_is_removed_is_gone(notify: str) -> None:
    """Only ours are listed."""
    await install_alerts(["failed"], notify=notify)
    before = {each.name for each in await installed()}
    count = await remove("failed")
    after = {each.name for each in await installed()}

    assert "failed" in before
    assert (count, "failed" in after, await remove("failed")) == (1, False, 0)


async def _run_of(flow: str, state: State[Any], name: str | None = None) -> FlowRun:
    """A run of a deployment of a flow of this name, which is in this state."""
    async with get_client() as client:
        flow_id = await client.create_flow_from_name(flow)
        deployment = await client.create_deployment(flow_id, f"gone-{uuid.uuid4().hex[:8]}")
        return await client.create_flow_run_from_deployment(deployment, state=state, name=name)


async def _fail_a_run_of(flow: str, name: str) -> None:
    run = await _run_of(flow, Running(), name)
    async with get_client() as client:
        await client.set_flow_run_state(run.id, Failed(message="It failed."), force=True)


async def _state_of(run: FlowRun) -> State[Any] | None:
    async with get_client() as client:
        return (await client.read_flow_run(run.id)).state


def _beat(api_url: str, run: FlowRun, flow: str) -> None:
    """One beat of a run's heart, as Prefect sends it."""
    of_flow = {
        "prefect.resource.id": f"prefect.flow.{run.flow_id}",
        "prefect.resource.role": "flow",
        "prefect.resource.name": flow,
    }
    beat = Event(
        event=HEARTBEAT,
        resource=Resource({"prefect.resource.id": f"prefect.flow-run.{run.id}"}),
        related=[RelatedResource(of_flow)],
    )
    # `emit_event` would add the flow run in whose midst this process has first emitted one.
    patient.post(f"{api_url}/events", json=[beat.model_dump(mode="json")]).raise_for_status()


def _question(run_id: str, task: str) -> InterventionRequested:
    return InterventionRequested(
        at=datetime.now(UTC),
        plan="ask",
        run_id=run_id,
        task_id=task,
        intervention_id="q",
        question="Shall we?",
        actions=("approve", "reject"),
        priority="normal",
        default="reject",
    )


async def _is_known(resource: str, event: str = "") -> bool:
    named = EventNameFilter(name=[event]) if event else None
    wanted = EventFilter(resource=EventResourceFilter(id=[resource]), event=named)
    async with get_client() as client:
        return bool((await client.read_events(filter=wanted, limit=1)).events)


async def _eventually(look: Callable[[], Any | Awaitable[Any]]) -> Any:
    """What `look` gives once it gives something."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        found = look()
        found = await found if asyncio.iscoroutine(found) else found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.2)
