"""What Prefect's task runners do, documented or not, that `agentic_prefect.runtime.functions` stands on. A test that
fails here after an upgrade says which part of it has to be looked at.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed
from prefect.task_runners import ProcessPoolTaskRunner

from agentic_prefect.runtime.functions.far import Parcel

pytestmark = pytest.mark.prefect

TOLD = Parcel(b"", "a:b", "ValueError", "bad", ("a.py:1 in b",), None)


@task(persist_result=False, cache_policy=NO_CACHE)
def fails() -> Any:
    """A failure that is told with data."""
    return Failed(message="told", data=TOLD)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolTaskRunner]:
    """A pool of one process."""
    with ProcessPoolTaskRunner(max_workers=1) as runner:
        yield runner


def test_a_pool_keeps_the_context_of_its_first_task(pool: ProcessPoolTaskRunner, prefect_server: str) -> None:
    """Without `near` forgetting it each time, all functions of a run would be shown within the first one's task."""
    runner: Any = pool
    contexts: list[object] = []
    for _ in range(2):
        pool.submit(fails, parameters={}).wait()
        contexts.append(runner._cached_context)

    assert isinstance(contexts[0], dict)
    assert contexts[1] is contexts[0]


def test_a_pool_shows_its_processes_and_its_queue(pool: ProcessPoolTaskRunner, prefect_server: str) -> None:
    """`Processes.close` ends the ones that are still at work, and does not wait for the other's lock."""
    runner: Any = pool
    pool.submit(fails, parameters={}).wait()
    processes = runner._executor._processes

    assert [os.getpid() == pid for pid in processes] == [False]
    assert all(callable(each.terminate) and callable(each.kill) for each in processes.values())
    assert callable(runner._subprocess_message_queue.cancel_join_thread)


def test_data_of_a_failed_state_comes_back_as_it_is(pool: ProcessPoolTaskRunner, prefect_server: str) -> None:
    """An exception in a state that a task returns is what `result` raises in the other process."""
    with pytest.raises(Parcel) as raised:
        pool.submit(fails, parameters={}).result()

    assert raised.value.args == TOLD.args
