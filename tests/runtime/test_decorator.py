"""Functions that are agent tasks, in flows of one's own and outside of any, on a real server with real requests."""

import pytest
from prefect import flow

from agentic_prefect import agent_task
from agentic_prefect.testing import Reply, ScriptedServer

pytestmark = pytest.mark.prefect


@agent_task(agent="counter", model="openai/scripted", failure_policy={"invalid_output": {"repair": 1}})
async def count(text: str) -> int:
    """How many {{ text }}?"""
    return len(text)  # for type checkers; the docstring is what is done


async def test_a_flow_that_is_retried_takes_over_what_its_agent_tasks_put_out(openai_env: ScriptedServer) -> None:
    """Two calls of the same work are two answers, and a retry of the flow finds the answer of each."""
    # U-05
    openai_env.on("How many", *map(Reply.text, "78"))
    tries: list[list[tuple[int, bool]]] = []

    @flow(retries=1, retry_delay_seconds=0)
    async def own() -> None:
        results = [await count("apples"), await count("apples")]
        tries.append([(each.unwrap(), each.cached) for each in results])
        if len(tries) == 1:
            raise ValueError("something after them failed")

    await own()

    assert tries == [[(7, False), (8, False)], [(7, True), (8, True)]]
    assert openai_env.count == 2
