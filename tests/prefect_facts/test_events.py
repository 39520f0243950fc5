"""What Prefect's server and client do with events, documented or not, that the observers stand on."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow, get_client
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.events.related import related_resources_from_run_context
from prefect.exceptions import PrefectHTTPStatusError

from tests.observers.server import events_of, until

pytestmark = [pytest.mark.prefect]


def _event(run_id: str, name: str) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "event": f"agentic.{name}",
        "occurred": datetime.now(UTC).isoformat(),
        "resource": {"prefect.resource.id": f"agentic.plan.{run_id}"},
        "related": [{"prefect.resource.id": f"prefect.flow-run.{run_id}", "prefect.resource.role": "flow-run"}],
        "payload": {},
    }


async def test_an_event_that_comes_twice_is_kept_once(prefect_server: str) -> None:
    """In one request, in a second one, and by Prefect's own sender: the server goes by the id."""
    run_id = str(uuid4())
    first, last = _event(run_id, "first"), _event(run_id, "last")
    async with get_client() as client:
        for batch in ([first, first], [first]):
            (await client.request("POST", "/events", json=batch)).raise_for_status()
    for each in (first, last):
        emit_event(**{**each, "id": UUID(each["id"]), "occurred": datetime.fromisoformat(each["occurred"])})

    seen = await until(lambda: events_of(run_id), holds=lambda seen: len(seen) > 1)

    assert [each.event for each in seen] == ["agentic.first", "agentic.last"]


async def test_one_event_that_does_not_fit_has_all_of_a_request_refused(prefect_server: str) -> None:
    """The answer is 422."""
    run_id = str(uuid4())
    good, bad = _event(run_id, "good"), {**_event(run_id, "bad"), "related": [{"prefect.resource.id": "no.role"}]}
    async with get_client() as client:
        with pytest.raises(PrefectHTTPStatusError) as refused:
            await client.request("POST", "/events", json=[good, bad])

    assert refused.value.response.status_code == 422


async def test_what_a_run_has_to_do_with_can_be_asked_for(prefect_server: str) -> None:
    """Prefect's own sender adds it to each event: the flow run, its flow and its tags."""

    @flow(name="related-to")
    async def asked() -> tuple[str, str, list[tuple[str, str]]]:
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow_run is not None
        async with get_client() as client:
            around = await related_resources_from_run_context(client)
        return str(context.flow_run.id), str(context.flow_run.flow_id), [(each.role, each.id) for each in around]

    run_id, flow_id, around = await asked()

    assert around == [("flow-run", f"prefect.flow-run.{run_id}"), ("flow", f"prefect.flow.{flow_id}")]
