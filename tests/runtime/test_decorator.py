"""Functions that are agent tasks, in flows of one's own and outside of any, on a real server with real requests."""

from pathlib import Path

import pytest
from prefect import flow
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from agentic_prefect import agent_task
from agentic_prefect.testing import Fault, Reply, ScriptedServer

pytestmark = pytest.mark.prefect

BAD = Reply.text("many")


@agent_task(agent="counter", model="openai/scripted", failure_policy={"invalid_output": {"repair": 1}})
async def count(text: str) -> int:
    """How many {{ text }}?"""
    return len(text)  # for type checkers; the docstring is what is done


def turns(server: ScriptedServer) -> list[int]:
    """How many messages each request had: two at first, two more for every answer that was sent back."""
    return [len(each.body["messages"]) for each in server.requests]


def files_in(folder: Path) -> list[str]:
    """The names of the files that lie there."""
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_a_flow_that_is_retried_takes_over_what_its_agent_tasks_put_out(openai_env: ScriptedServer) -> None:
    """Two calls of the same work are two answers, and a retry of the flow finds the answer of each."""
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


async def test_a_second_call_takes_over_no_answer_of_the_first(openai_env: ScriptedServer) -> None:
    """In a flow each call asks for itself, and is told only of what was wrong with its own answers."""
    openai_env.on("How many", BAD, Reply.text("7"), BAD, Reply.text("8"))

    @flow
    async def own() -> list[int]:
        return [(await count("pears")).unwrap(), (await count("pears")).unwrap()]

    assert await own() == [7, 8]
    assert turns(openai_env) == [2, 4, 2, 4]


async def test_a_retry_takes_over_the_answered_calls_of_each_agent_task(openai_env: ScriptedServer) -> None:
    """The second call had one answer when its flow failed: its retry goes on from there, and the first is kept."""
    openai_env.on("How many", BAD, Reply.text("7"), BAD, Fault.server_error(), Reply.text("8"))
    once = count.with_options(retries=0)
    numbers: list[int] = []

    @flow(retries=1, retry_delay_seconds=0)
    async def own() -> None:
        numbers.clear()
        numbers.extend([(await once("plums")).unwrap(), (await once("plums")).unwrap()])

    await own()

    assert numbers == [7, 8]
    assert turns(openai_env) == [2, 4, 2, 4, 4]


async def test_nothing_is_kept_outside_of_a_flow(openai_env: ScriptedServer, tmp_path: Path) -> None:
    """No call finds what another was answered, and none leaves a file behind."""
    openai_env.on("How many", BAD, Reply.text("7"), BAD, Reply.text("8"))
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path}):
        numbers = [(await count("nuts")).unwrap(), (await count("nuts")).unwrap()]

    assert numbers == [7, 8]
    assert turns(openai_env) == [2, 4, 2, 4]
    assert files_in(tmp_path) == []
