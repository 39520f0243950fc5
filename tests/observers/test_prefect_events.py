"""What happens in a plan can be seen in Prefect's event feed and acted on by its automations."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.events import DoNothing, EventTrigger, Posture
from prefect.events.schemas.automations import AutomationCore
from prefect.events.schemas.events import ReceivedEvent
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, PREFECT_CLOUD_API_URL, temporary_settings

from agentic_prefect.models.events import Event
from agentic_prefect.observers.event_batches import EventBatches, takes_batches
from agentic_prefect.observers.prefect_events import PrefectEventObserver, payload
from tests.observers.samples import EVENTS
from tests.observers.server import events_of, until

TASK_RUN_ID = str(uuid4())


def _happening(run_id: str) -> list[Event]:
    """The sample events as if they had happened just before."""
    began = datetime.now(UTC) - timedelta(seconds=60)
    return [
        event.model_copy(
            update={"at": began + timedelta(milliseconds=place), "run_id": run_id}
            | ({"task_run_id": TASK_RUN_ID} if "task_run_id" in type(event).model_fields else {})
        )
        for place, event in enumerate(EVENTS)
    ]


Way = Literal["one by one", "in a batch", "at the end"]


@flow(validate_parameters=False)
async def emitting(way: Way) -> tuple[str, list[ReceivedEvent]]:
    """Emits every kind of event from within a run; what is seen of them before it ends."""
    observer = PrefectEventObserver(
        related=[{"prefect.resource.id": "team.blue", "prefect.resource.role": "team"}], in_batches=way != "one by one"
    )
    run_id = str(flow_run.id)
    for event in _happening(run_id):
        observer.on_event(event)
    if way == "in a batch":
        # A batch is sent while the run goes on, and nobody has to ask for it.
        return run_id, await _all_of(run_id)
    await observer.flush()
    return run_id, []


async def _all_of(run_id: str) -> list[ReceivedEvent]:
    return await until(lambda: events_of(run_id), holds=lambda seen: len(seen) >= len(EVENTS))


@pytest.mark.prefect
@pytest.mark.parametrize("way", get_args(Way))
async def test_events_are_visible_by_api_with_task_and_run(way: Way) -> None:
    """Every event is found under its name, in order, at its time, with task, plan, flow run and flow, whichever way it
    was sent.
    """  # F-43, D-09
    run_id, seen = await emitting(way)
    seen = seen or await _all_of(run_id)

    assert [event.event for event in seen] == [event.name for event in EVENTS]
    failed = next(event for event in seen if event.event == "agentic.task.failed")
    assert dict(failed.resource) == {
        "prefect.resource.id": f"agentic.task.{run_id}.write",
        "prefect.resource.name": "write",
        "agentic.task": "write",
        "agentic.plan": "trip",
        "agentic.run-id": run_id,
    }
    related = {resource.role: resource.id for resource in failed.related}
    assert related["plan"] == f"agentic.plan.{run_id}"
    assert related["flow-run"] == f"prefect.flow-run.{run_id}"
    assert related["task-run"] == f"prefect.task-run.{TASK_RUN_ID}"
    assert related["team"] == "team.blue"
    assert related["flow"].startswith("prefect.flow.")
    assert [resource.role for resource in failed.related].count("flow-run") == 1
    started = seen[0]
    assert (started.resource.id, started.payload["tasks"]) == (f"agentic.plan.{run_id}", 3)
    assert (seen[1].occurred - started.occurred) == timedelta(milliseconds=1)


async def _cut_off(run_id: str) -> None:
    """Ends while its events are under way."""
    batches = EventBatches(every_s=0)
    for event in _happening(run_id):
        batches.add(PrefectEventObserver().notice(event))
    # The batch is made in the first turn of the loop, and its request is begun in the next.
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest.mark.prefect
@pytest.mark.filterwarnings("ignore:coroutine 'connect_tcp")  # what is cut off is half a connection
async def test_what_is_cut_off_on_its_way_arrives_all_the_same_and_once() -> None:
    """A loop that is closed ends the request that sends them; Prefect's sender has them then."""  # F-43
    run_id = str(uuid4())
    await asyncio.to_thread(asyncio.run, _cut_off(run_id))

    seen = await _all_of(run_id)

    assert [event.event for event in seen] == [event.name for event in EVENTS]


@pytest.mark.prefect
async def test_what_a_server_does_not_take_at_once_is_sent_one_by_one() -> None:
    """One event that the server refuses takes no other along."""  # F-43
    run_id = str(uuid4())
    batches = EventBatches(every_s=0)
    good, bad = (PrefectEventObserver().notice(event) for event in _happening(run_id)[:2])
    batches.add(replace(bad, related=[{"prefect.resource.id": "without.a.role"}]))
    batches.add(good)

    seen = await until(lambda: events_of(run_id), holds=bool)

    assert [event.event for event in seen] == [EVENTS[0].name]


def test_prefect_cloud_is_sent_each_event_by_itself() -> None:
    """Only a server of Prefect's own is known to take several in a request."""
    with temporary_settings({PREFECT_API_URL: f"{PREFECT_CLOUD_API_URL.value()}/accounts/a/workspaces/b"}):
        assert not takes_batches()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:4200/api"}):
        assert takes_batches()


@pytest.mark.prefect
async def test_a_failure_can_be_acted_on() -> None:
    """An automation that expects `agentic.task.failed` of this plan fires once it happens."""  # F-43
    trigger = EventTrigger(
        expect={"agentic.task.failed"},
        match={"prefect.resource.id": "agentic.task.*", "agentic.plan": "trip"},  # pyright: ignore[reportArgumentType]
        posture=Posture.Reactive,
        threshold=1,
    )
    automation = AutomationCore(name=f"act-{uuid4()}", trigger=trigger, actions=[DoNothing()])
    async with get_client() as client:
        automation_id = await client.create_automation(automation)
        try:
            fired = await until(lambda: _fired(automation_id), holds=bool)
        finally:
            await client.delete_automation(automation_id)

    assert fired


async def _fired(automation_id: UUID) -> list[ReceivedEvent]:
    """What the automation did so far. The failure is sent anew: a new automation misses what came before it."""
    observer = PrefectEventObserver()
    for event in _happening(str(uuid4())):
        if event.name == "agentic.task.failed":
            observer.on_event(event.model_copy(update={"at": datetime.now(UTC)}))
    async with get_client() as client:
        answer = await client.request(
            "POST",
            "/events/filter",
            json={"filter": {"any_resource": {"id": [f"prefect.automation.{automation_id}"]}}},
        )
    page = [ReceivedEvent.model_validate(event) for event in answer.json()["events"]]
    return [event for event in page if event.event.startswith("prefect.automation.action")]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_payloads_are_small_and_keep_outputs_and_prompts_to_themselves(event: Event) -> None:
    """A payload is JSON below 64 kB, without output, prompt or traceback, however large the error is."""  # D-09
    error = getattr(event, "error", None)
    if error is not None:
        huge = error.model_copy(update={"message": "m" * 1_000_000, "history": (error,) * 500})
        event = event.model_copy(update={"error": huge})
    if hasattr(event, "reason"):
        event = event.model_copy(update={"reason": "r" * 1_000_000})

    text = json.dumps(payload(event))

    assert len(text) < 64_000
    assert "secret" not in text


def test_a_payload_says_what_failed() -> None:
    """Code, type, message, verdict and the code of each attempt are in it."""  # D-09
    failed = payload(next(event for event in EVENTS if event.name == "agentic.task.failed"))

    assert (failed["task_id"], failed["attempts"]) == ("write", 3)
    assert failed["error"] == {
        "code": "max_retries_exceeded",
        "type": "MaxRetriesExceededError",
        "message": "All 3 attempts failed. The last one: rate_limit: Too many requests",
        "timestamp": "2026-01-05T09:00:00+00:00",
        "retryable": None,
        "retry_after_s": None,
        "attempts": ["rate_limit", "rate_limit", "rate_limit"],
    }
