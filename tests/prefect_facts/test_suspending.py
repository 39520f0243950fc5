"""What Prefect does with a flow run that is paused or suspended, and that we rely on."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow_async
from prefect.flow_runs import apause_flow_run, asuspend_flow_run
from prefect.input import Keyset, RunInput
from prefect.runtime import flow_run
from prefect.states import AwaitingRetry

pytestmark = pytest.mark.prefect

KEY = "the-key"


class Answer(RunInput):
    """A form that needs no answer."""

    word: str = "none"


@flow
async def _suspended_once() -> str:
    """Suspended the first time, and gone on with after that."""
    answer = await asuspend_flow_run(wait_for_input=Answer, key=KEY)
    assert answer is not None
    return answer.word


async def _read(run_id: UUID) -> FlowRun:
    async with get_client() as client:
        return await client.read_flow_run(run_id)


async def test_going_on_is_no_new_try_and_a_retry_is() -> None:
    """A suspended run that is resumed has the run count that it had; a retry counts on, and the pause's key stays."""
    async with get_client() as client:
        flow_id = await client.create_flow(_suspended_once)
        deployment = await client.create_deployment(flow_id, name=f"facts-{uuid4()}")
        run = await client.create_flow_run_from_deployment(deployment)
        with pytest.raises(Pause):
            await run_flow_async(_suspended_once, flow_run=run, return_type="state")
        suspended = await _read(run.id)
        await client.resume_flow_run(run.id, run_input={"word": "go"})
        state: Any = await run_flow_async(_suspended_once, flow_run=await _read(run.id), return_type="state")
        resumed = await _read(run.id)
        await client.set_flow_run_state(run.id, AwaitingRetry(), force=True)
        await run_flow_async(_suspended_once, flow_run=await _read(run.id), return_type="state")
        retried = await _read(run.id)

    assert await state.aresult() == "go"
    assert (suspended.run_count, resumed.run_count, retried.run_count) == (1, 1, 2)
    assert all(KEY in (each.empirical_policy.pause_keys or ()) for each in (suspended, resumed, retried))


async def test_a_form_is_saved_when_the_run_is_paused() -> None:
    """Prefect saves the form of a pause through `asave`, after it has set the state: who hears of it can answer."""
    seen: list[tuple[str, str]] = []

    class Heard(Answer):
        """A form that is answered as soon as the server has it."""

        @classmethod
        async def asave(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
            await super().asave(keyset, flow_run_id)
            run_id = UUID(str(flow_run.id))
            async with get_client() as client:
                outcome = await client.resume_flow_run(run_id, run_input={"word": "soon"})
            seen.append((keyset["response"], outcome.status.value))

    @flow
    async def asks() -> str:
        return (await apause_flow_run(wait_for_input=Heard, poll_interval=1, key=KEY)).word

    assert await asks() == "soon"
    assert seen == [(f"paused-{KEY}-response", "ACCEPT")]
