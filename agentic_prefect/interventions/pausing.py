"""Pauses a flow run until somebody has filled in its form, or nobody can any more."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from itertools import count
from typing import Any, cast
from uuid import UUID

from httpx import HTTPStatusError
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.input import RunInput, keyset_from_paused_state
from prefect.states import Paused

from agentic_prefect.patience import patiently

POLL_S = 1.0
"""How often it is looked whether somebody answered."""


async def pause_for(
    form: type[RunInput], run_id: UUID, *, key: str, timeout_s: int, opened: Callable[[], None]
) -> RunInput | None:
    """What was filled in; `None` when the run was cancelled, ended or deleted instead of resumed.

    Prefect's own `apause_flow_run` looks for Running alone, and gives up on a server that is away for a minute.
    A server that is away is waited for here.

    Args:
        form: What is to be filled in.
        run_id: The flow run that is going on.
        key: Names the pause; one of a kind in the run.
        timeout_s: Seconds after which Prefect takes no answer any more.
        opened: Called once the form can be filled in.

    Raises:
        ValidationError: It was filled in with what does not fit.
    """
    tries = count()

    async def saved() -> State[Any]:
        while True:
            tried = next(tries)
            paused = Paused(timeout_seconds=timeout_s, reschedule=False, pause_key=f"{key}-{tried}" if tried else key)
            keyset = keyset_from_paused_state(paused)
            paused.state_details.run_input_keyset = cast("dict[str, str]", keyset)
            try:
                await form.asave(keyset, run_id)
            except HTTPStatusError as error:
                # The key is taken: the server had saved a part of the form, and its answer was lost.
                if error.response.status_code != HTTPStatus.CONFLICT:
                    raise
            else:
                return paused

    async with get_client() as client:
        try:
            paused = await patiently(saved)
            await patiently(lambda: client.set_flow_run_state(run_id, paused))
            opened()
            state = await _state_after(client, run_id)
        except ObjectNotFound:
            return None
    if state is None or not state.is_running():
        return None
    return await patiently(lambda: form.aload(keyset_from_paused_state(paused), run_id))


async def _state_after(client: PrefectClient, run_id: UUID) -> State[Any] | None:
    """The first state of a run that is not paused."""
    while True:
        state = (await patiently(lambda: client.read_flow_run(run_id))).state
        if state is None or not state.is_paused():
            return state
        await asyncio.sleep(POLL_S)
