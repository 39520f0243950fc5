"""What Prefect's task engine does, documented or not, that the runtime stands on. A test that fails here after an
upgrade of Prefect says which part of `agentic_prefect.runtime` has to be looked at.
"""

import asyncio
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow, get_client, task
from prefect.cache_policies import INPUTS
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterName
from prefect.client.schemas.objects import State, TaskRun, TaskRunResult
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.states import Cancelled, Failed
from prefect.task_engine import run_task_async
from prefect.tasks import Task
from prefect.transactions import get_transaction
from prefect.utilities.annotations import quote
from prefect.utilities.engine import emit_task_run_state_change_event

from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.runtime.caching import FixedKey
from tests.runtime.conftest import eventually, states_of, task_runs, upstream_of

pytestmark = [pytest.mark.prefect]


@flow
async def within(work: Callable[[], Any]) -> Any:
    """A flow around some work."""
    return await work()


def as_is(prefect_task: Any) -> Any:
    """The task, whose overloads leave open what a call of it gives."""
    return prefect_task


def keyed(prefect_task: Task[..., Any], key: str) -> Task[..., Any]:
    """The task, persisted under this key."""
    return prefect_task.with_options(
        cache_policy=FixedKey(value=key), persist_result=True, result_serializer="json", cache_result_in_memory=False
    )


async def named_run(name: str) -> TaskRun:
    """The finished task run of this name."""

    async def look() -> TaskRun | None:
        async with get_client() as client:
            runs = await client.read_task_runs(task_run_filter=TaskRunFilter(name=TaskRunFilterName(any_=[name])))
        return next((run for run in runs if run.state and run.state.is_final()), None)

    return await eventually(look)


@pytest.mark.parametrize(("unstored", "calls"), [(False, 1), (True, 2)])
async def test_a_returned_failed_state_is_committed_unless_its_transaction_is_told_not_to(
    prefect_server: str, unstored: bool, calls: int
) -> None:
    """Without `write_on_commit = False` the failure is served as a success the next time."""
    seen: list[int] = []

    @task
    async def fail() -> Any:
        seen.append(1)
        transaction = get_transaction()
        if unstored and transaction is not None:
            transaction.write_on_commit = False
        return Failed(message="no")

    step = keyed(fail, uuid4().hex)

    async def twice() -> list[str]:
        return [(await as_is(step)(return_state=True)).type.value for _ in range(2)]

    states = await within(twice)

    assert len(seen) == calls
    assert states == (["FAILED", "FAILED"] if unstored else ["FAILED", "COMPLETED"])


class Asked:
    """A retry condition as a bound method."""

    def should_retry(self, *_: object) -> bool:
        """Always."""
        return True


@pytest.mark.parametrize(("condition", "calls"), [(lambda *_: True, 2), (Asked().should_retry, 1)])
async def test_only_a_plain_function_is_taken_for_a_retry_condition(
    prefect_server: str, condition: Any, calls: int
) -> None:
    """A bound method means "never retry", without a word."""
    seen: list[int] = []

    @task(retries=1, retry_delay_seconds=0, retry_condition_fn=condition)
    async def fail() -> Any:
        seen.append(1)
        return Failed(message="no")

    async def once() -> str:
        return (await as_is(fail)(return_state=True)).type.value

    assert await within(once) == "FAILED"
    assert len(seen) == calls


async def test_the_delay_is_read_after_the_condition_was_asked(prefect_server: str) -> None:
    """So the condition can set it, and the wait shows as AwaitingRetry."""
    delays: list[float] = []

    def ask(prefect_task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
        prefect_task.retry_delay_seconds = 0.01
        delays.append(0.01)
        return True

    @task(retries=1, retry_delay_seconds=600, retry_condition_fn=ask)
    async def fail() -> Any:
        return Failed(message="no")

    name = f"delay-{uuid4().hex}"

    async def once() -> str:
        return (await as_is(fail.with_options(task_run_name=name))(return_state=True)).type.value

    assert await within(once) == "FAILED"
    assert delays == [0.01]
    assert "AwaitingRetry" in await states_of(await named_run(name), "Failed")


async def test_a_copied_task_has_settings_of_its_own(prefect_server: str) -> None:
    """A shallow copy of a task is as good as `with_options`, which reads and hashes the function's source anew."""
    heard: list[str] = []

    @task(retries=0, persist_result=True)
    async def original() -> str:
        return "made"

    def hook(_: Task[..., Any], run: TaskRun, __: State[Any]) -> None:
        heard.append(run.name)

    own = copy.copy(original)
    own.task_run_name, own.tags = "copied", {"mine"}
    own.on_completion_hooks = [hook]
    assert await within(own) == await within(original) == "made"
    assert heard == ["copied"]
    assert (await named_run("copied")).tags == ["mine"]
    assert original.tags == set()
    assert own.task_key == original.task_key


async def test_on_running_is_called_for_each_attempt(prefect_server: str) -> None:
    """Before its body; `on_failure` once, after the last."""
    heard: list[str] = []

    def running(*_: object) -> None:
        heard.append("running")

    def failed(*_: object) -> None:
        heard.append("failed")

    @task(retries=2, retry_delay_seconds=0, on_running=[running], on_failure=[failed])
    async def fail() -> Any:
        heard.append("body")
        return Failed(message="no")

    async def once() -> None:
        await as_is(fail)(return_state=True)

    await within(once)

    assert heard == ["running", "body"] * 3 + ["failed"]


async def test_ids_given_as_further_inputs_are_enough_for_the_arrows(prefect_server: str) -> None:
    """The task engine takes them beside the parameters, and looks at no state."""

    @task
    async def step(value: Any) -> str:
        return str(value)

    async def both() -> tuple[Any, Any]:
        first: Any = await as_is(step.with_options(task_run_name="first"))("a", return_state=True)
        second: Any = await run_task_async(
            step.with_options(task_run_name="second"),
            parameters={"value": quote("b")},
            return_type="state",
            dependencies={"value": {TaskRunResult(id=first.state_details.task_run_id)}},  # pyright: ignore[reportUnhashable]
        )
        return first, second

    first, second = await within(both)
    runs = await task_runs(str(second.state_details.flow_run_id), 2)

    assert upstream_of(runs["second"]) == {str(first.state_details.task_run_id)}


async def test_a_run_cancelled_in_its_wait_is_a_crash_until_the_state_is_emitted(prefect_server: str) -> None:
    """Only the engine is at work then; a further event sets the state right."""
    waiting, name = asyncio.Event(), f"wait-{uuid4().hex}"
    seen: list[TaskRun] = []

    def ask(prefect_task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
        seen.append(task_run)
        waiting.set()
        return True

    @task(retries=1, retry_delay_seconds=600, retry_condition_fn=ask, task_run_name=name)
    async def fail() -> Any:
        return Failed(message="no")

    async def cancelled() -> None:
        running = asyncio.create_task(as_is(fail)(return_state=True))
        await waiting.wait()

        async def waits() -> bool:
            return seen[0].state is not None and seen[0].state.name == "AwaitingRetry"

        await eventually(waits)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    await within(cancelled)
    crashed = await states_of(await named_run(name), "Crashed")
    before, state = seen[0].state, Cancelled(message="stopped")
    state.state_details.task_run_id = seen[0].id
    state.state_details.flow_run_id = seen[0].flow_run_id
    seen[0].state, seen[0].state_id, seen[0].state_type, seen[0].state_name = state, state.id, state.type, state.name
    emit_task_run_state_change_event(task_run=seen[0], initial_state=before, validated_state=state)

    assert crashed[-1] == "Crashed"
    assert (await states_of(seen[0], "Cancelled"))[-1] == "Cancelled"


async def test_the_built_in_policies_know_no_task_name(prefect_server: str) -> None:
    """Two tasks with the same body and equal inputs share one answer, so a key of our own names the node."""
    calls: list[str] = []

    @task(cache_policy=INPUTS, persist_result=True)
    async def ask(question: str) -> str:
        calls.append(question)
        return question

    question = uuid4().hex

    async def two() -> None:
        await as_is(ask.with_options(name="agent-one"))(question)
        await as_is(ask.with_options(name="agent-two"))(question)

    await within(two)

    assert calls == [question]


async def test_a_result_survives_the_json_store(prefect_server: str) -> None:
    """It comes back as what it was, its output as plain data, in a state called Cached."""
    result = TaskResult(task_id="x", status=TaskStatus.COMPLETED, success=True, output={"a": [1, None]}, attempts=2)

    @task
    async def give(value: TaskResult) -> TaskResult:
        return value

    step = keyed(give, uuid4().hex)

    async def twice() -> list[State[Any]]:
        return [await as_is(step)(quote(result), return_state=True) for _ in range(2)]

    _, second = await within(twice)

    assert second.name == "Cached"
    assert await second.aresult() == result


async def test_a_task_that_refreshes_its_cache_does_not_look_and_still_keeps(tmp_path: Path) -> None:
    """Its result is not looked for under its key, and is kept there for those that do look."""
    calls: list[str] = []

    @task(cache_policy=FixedKey(value="a" * 64), persist_result=True)
    async def work() -> str:
        calls.append("work")
        return "done"

    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path}):
        refreshing = copy.copy(work)
        refreshing.refresh_cache = True
        await refreshing()
        await refreshing()
        after_two = list(calls)
        await work()

    assert (len(after_two), len(calls)) == (2, 2)
