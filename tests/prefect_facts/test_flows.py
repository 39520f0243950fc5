"""What Prefect's flow engine does, documented or not, that the runtime stands on."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from prefect import flow, get_client, task
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.context import FlowRunContext
from prefect.filesystems import LocalFileSystem
from prefect.flow_runs import apause_flow_run
from prefect.input import RunInput
from prefect.utilities.annotations import quote

from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.status import PlanStatus
from tests.runtime.conftest import eventually

NOW = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = [pytest.mark.prefect]


def run_id() -> UUID:
    """The id of the flow run that is going on."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    return context.flow_run.id


async def test_the_way_parameters_become_data_can_be_replaced(prefect_server: str) -> None:
    """Prefect calls `serialize_parameters` of the flow object at hand, and sends what it gives."""

    @flow(validate_parameters=False)
    async def own(value: Any) -> UUID:
        return run_id()

    def plain(parameters: dict[str, Any]) -> dict[str, Any]:
        return {name: f"plain {value}" for name, value in parameters.items()}

    own.serialize_parameters = cast("Callable[..., Any]", plain)
    made = await own("x")
    async with get_client() as client:
        seen = await client.read_flow_run(made)

    assert seen.parameters == {"value": "plain x"}


async def test_a_quoted_parameter_reaches_the_flow_as_it_is(prefect_server: str) -> None:
    """Prefect takes the quotes off, and looks through nothing within them."""
    stored: list[object] = []

    @flow(validate_parameters=False)
    async def own(value: Any) -> bool:
        return value is content

    def plain(parameters: dict[str, Any]) -> dict[str, Any]:
        stored.append(parameters["value"])
        return {}

    own.serialize_parameters = cast("Callable[..., Any]", plain)
    content = {"nested": [1, 2]}
    assert await own(quote(content)) is True
    assert stored == [quote(content)]


async def test_a_completed_subflow_of_a_retried_flow_comes_back_as_plain_data(prefect_server: str) -> None:
    """Its JSON is read without the model that it was written from."""
    kinds: list[type] = []

    @flow(persist_result=True, result_serializer="json")
    async def inner() -> Any:
        return PlanResult(plan="p", run_id="r", status=PlanStatus.COMPLETED, started_at=NOW, ended_at=NOW)

    @flow(retries=1, retry_delay_seconds=0)
    async def outer() -> None:
        kinds.append(type(await inner()))
        if len(kinds) == 1:
            raise ValueError("again")

    await outer()

    assert kinds == [PlanResult, dict]


async def test_a_subflow_within_a_task_is_never_mistaken_for_another(prefect_server: str) -> None:
    """In a retried flow the first subflow is found by its place in line, except within tasks: those are all new."""
    seen: list[str] = []

    @flow(persist_result=True, result_serializer="json")
    async def inner(name: str) -> str:
        seen.append(name)
        return name

    @task
    async def step(name: str) -> str:
        return await inner(name)

    answers: list[str] = []

    @flow(retries=1, retry_delay_seconds=0)
    async def outer() -> None:
        if not answers:
            answers.append(await step("first"))
            raise ValueError("again")
        answers.append(await step("second"))

    await outer()

    assert (seen, answers) == (["first", "second"], ["first", "second"])


async def test_a_subflow_that_kept_no_result_runs_again(prefect_server: str) -> None:
    """Which questions to people rely on: they are asked in whatever order tasks fail."""
    seen: list[str] = []

    @flow(persist_result=False)
    async def inner(name: str) -> str:
        seen.append(name)
        return name

    @flow(retries=1, retry_delay_seconds=0)
    async def outer() -> str:
        answer = await inner(f"try {len(seen)}")
        if len(seen) == 1:
            raise ValueError("again")
        return answer

    assert await outer() == "try 1"


class Form(RunInput):
    """What is asked."""

    number: int


async def test_a_pause_has_a_form_and_the_answer_must_fit_it(prefect_server: str) -> None:
    """The form is saved a moment after the state; an answer of the wrong type is refused, and the run stays paused."""

    @flow
    async def ask() -> int:
        answer = await apause_flow_run(wait_for_input=Form, timeout=60, poll_interval=1)
        return answer.number

    @flow
    async def outer() -> tuple[int, list[str]]:
        asking = asyncio.create_task(ask())
        mine = run_id()

        async def paused() -> Any:
            async with get_client() as client:
                runs = await client.read_flow_runs(
                    flow_run_filter=FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[mine]))
                )
                return next((run for run in runs if run.state and run.state.is_paused()), None)

        waiting = await eventually(paused)

        async def answered(number: Any) -> Any:
            async with get_client() as client:
                outcome = await client.resume_flow_run(waiting.id, run_input={"number": number})
            reason = str(getattr(outcome.details, "reason", ""))
            return None if "schema not found" in reason else (outcome.status.value, reason)

        refused, taken = await eventually(partial(answered, "many")), await eventually(partial(answered, 7))
        return await asking, [str(refused), str(taken)]

    number, said = await outer()

    assert number == 7
    assert "REJECT" in said[0] or "ABORT" in said[0], said
    assert said[1].startswith("('ACCEPT'")


async def test_a_flow_run_knows_in_its_body_that_it_was_started_before() -> None:
    """Its count is 1 the first time and goes up with each retry; where it is 1, nothing can have been kept."""
    counts: list[int] = []

    @flow(retries=2, retry_delay_seconds=0)
    async def again() -> None:
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow_run is not None
        counts.append(context.flow_run.run_count)
        if len(counts) < 3:
            raise ValueError("once more")

    await again()

    assert counts == [1, 2, 3]


async def test_a_run_keeps_results_where_its_context_says_by_then(prefect_server: str, tmp_path: Path) -> None:
    """Its own and its tasks': the storage of the context may be changed while the run goes on."""

    @task(persist_result=True)
    async def inner() -> int:
        return 1

    @flow(persist_result=True)
    async def outer() -> int:
        context = FlowRunContext.get()
        assert context is not None
        context.result_store.result_storage = LocalFileSystem(basepath=str(tmp_path))
        return await inner()

    assert await outer() == 1
    assert len([*tmp_path.iterdir()]) == 2  # noqa: ASYNC240  # a folder of this test alone
