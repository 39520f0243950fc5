"""Plans and agent tasks in a flow of one's own, on a real server with real requests."""

import io
import logging
import os
import socket
import stat
from contextlib import suppress
from typing import Any

import pytest
from prefect import flow
from prefect.flow_engine import run_flow_async

from agentic_prefect import RunOptions, agent_task, run_plan
from agentic_prefect.bootstrap import run_plan_here, services
from agentic_prefect.doors import run_plan as deployed_plan
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.policies.redaction import MASK
from agentic_prefect.runtime.services import use
from agentic_prefect.testing import Reply, ScriptedServer, make_plan
from agentic_prefect.testing.pytest_plugin import SCRIPTED_KEY
from tests.runtime.conftest import eventually

pytestmark = pytest.mark.prefect

PLAN = make_plan({"id": "a", "description": "First."}, defaults={"model": "openai/scripted"})
REHEARSED = RunOptions(rehearse=True)


@agent_task(agent="greeter")
async def greet(name: str) -> str:
    """Greet {{ name }}."""
    return name  # for type checkers; the docstring is what is done


@pytest.mark.parametrize("run", [run_plan, run_plan_here])
async def test_how_a_plan_was_run_holds_for_nothing_after_it(openai_env: ScriptedServer, run: Any) -> None:
    """An agent task that follows a rehearsed plan in the same flow asks its model, as the flow itself has said."""
    openai_env.answer_by_default(Reply.text("hello"))

    @flow
    async def own() -> list[str]:
        use(services(RunOptions(policy=PolicyFields(model="openai/of-the-flow"))))
        before = await greet("Ada")
        assert (await run(PLAN, options=REHEARSED)).successful
        return [before.unwrap(), (await greet("Bob")).unwrap()]

    said = await own()

    assert said == ["hello", "hello"]
    assert [each.model for each in openai_env.requests] == ["of-the-flow", "of-the-flow"]


async def test_an_agent_task_without_services_leaves_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that had to open one, in a flow that has said nothing, closes it when it has its answer."""

    @flow
    async def own(port: int) -> None:
        for number in range(3):
            assert (await greet.with_options(model="openai/scripted")(f"guest {number}")).successful

        async def all_closed() -> bool:
            return connections_to(port) == 0

        await eventually(all_closed)

    with ScriptedServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", SCRIPTED_KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        await own(int(server.url.rpartition(":")[2]))

    assert server.count == 3


def connections_to(port: int) -> int:
    """How many sockets of this process are connected to a port."""
    peers: list[Any] = []
    for fd in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):  # it is gone, or is connected to nothing
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                with socket.socket(fileno=os.dup(fd)) as copy:
                    peers.append(copy.getpeername())
    return sum(isinstance(peer, tuple) and peer[1] == port for peer in peers)


async def test_what_an_input_quotes_is_masked_in_the_log_of_a_deployed_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that its inputs keep from starting says so without what a configured pattern fits."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_REDACT", '["ACME-[0-9]{6}"]')
    text = make_plan({"id": "a"}, inputs={"count": {"type": "integer"}}).model_dump_json(exclude_unset=True)
    stream, logger = io.StringIO(), logging.getLogger("prefect.flow_runs")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    try:
        given = {"plan": text, "inputs": {"count": "ACME-654321"}, "rehearse": True}
        state: Any = await run_flow_async(deployed_plan, parameters=given, return_type="state")
    finally:
        logger.removeHandler(handler)

    assert (state.type.value, MASK in state.message) == ("FAILED", True)
    assert "ACME-654321" not in state.message + stream.getvalue()
