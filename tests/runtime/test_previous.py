"""A recurring plan looks at what its previous run put out."""

import uuid
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow_async
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH

from agentic_prefect import PlanResult, RunOptions, load_plan, run_plan
from agentic_prefect.bootstrap import check, run_plan_here
from agentic_prefect.testing import Fault, Reply, ScriptedServer

pytestmark = pytest.mark.prefect

TEXT = """
name: {name}
tasks:
- {{id: compare, description: "Compare with {{{{ previous.output }}}}", model: openai/scripted}}
- {{id: first_time, description: First time, model: openai/scripted, when: "{{{{ previous.run_id is none }}}}"}}
result: "{{{{ tasks.compare.output }}}}"
"""


@pytest.fixture
def plan() -> Any:
    """A plan that looks back, of a name that no other test uses."""
    return load_plan(TEXT.format(name=f"again-{uuid.uuid4().hex[:8]}"))


async def test_a_run_sees_what_the_one_before_put_out(plan: Any, openai_env: ScriptedServer) -> None:
    """The first run sees null, the next one the output of the last that completed; a failed one does not count."""
    # D-09
    openai_env.on("First time", Reply.text("hello"))
    openai_env.on("Compare", Reply.text("one"), Fault.status(400), Reply.text("two"), Reply.text("three"))

    results = [await run_plan(plan) for _ in range(4)]
    prompts = [request.prompt_text for request in openai_env.requests_matching("Compare")]

    assert [str(result.status) for result in results] == ["completed", "failed", "completed", "completed"]
    assert ["Compare with null" in prompts[0], "Compare with one" in prompts[1], "Compare with one" in prompts[2]] == [
        True,
        True,
        True,
    ]
    assert "Compare with two" in prompts[3]
    assert [str(result.results["first_time"].status) for result in results] == [
        "completed",
        "skipped",
        "skipped",
        "skipped",
    ]


async def test_a_rehearsal_is_no_previous_run(plan: Any, openai_env: ScriptedServer) -> None:
    """What a rehearsal made up is not compared with."""
    openai_env.answer_by_default(Reply.text("real"))
    await run_plan(plan, options=RunOptions(rehearse=True))

    await run_plan(plan)

    assert "Compare with null" in openai_env.requests_matching("Compare")[0].prompt_text


async def test_a_result_that_is_gone_is_passed_over(plan: Any, openai_env: ScriptedServer) -> None:
    """The run goes on with the one before that, whose result is still there."""
    openai_env.on("First time", Reply.text("hello"))
    openai_env.on("Compare", Reply.text("one"), Reply.text("two"), Reply.text("three"))
    await run_plan(plan)
    gone = await run_plan(plan)
    async with get_client() as client:
        state: Any = (await client.read_flow_run(UUID(gone.run_id))).state
    (PREFECT_LOCAL_STORAGE_PATH.value() / state.data.storage_key).unlink()

    result = await run_plan(plan)

    assert result.successful
    assert "Compare with one" in openai_env.requests_matching("Compare")[2].prompt_text


@pytest.mark.parametrize(("keeps", "seen"), [(False, "Compare with null"), (True, "Compare with one")])
async def test_a_deployed_flow_of_one_s_own_looks_back_if_it_keeps_results(
    plan: Any, openai_env: ScriptedServer, keeps: bool, seen: str
) -> None:
    """One that keeps the plan's result sees it in its next run; one that keeps none sees null, and completes."""
    openai_env.on("First time", Reply.text("hello"), Reply.text("hello"))
    openai_env.on("Compare", Reply.text("one"), Reply.text("two"))

    @flow(name=f"own-{plan.name}", persist_result=keeps)
    async def own() -> PlanResult:
        return await run_plan_here(plan)

    deployment: Any = await own.ato_deployment("again")
    deployed = await deployment.aapply()
    async with get_client() as client:
        for _ in range(2):
            run = await client.create_flow_run_from_deployment(deployed)
            state: Any = await run_flow_async(own, flow_run=run, return_type="state")
            assert state.name == "Completed", state.message

    assert seen in openai_env.requests_matching("Compare")[1].prompt_text


def test_a_field_that_the_previous_run_does_not_have_is_told() -> None:
    """Before anything runs, with the near name."""
    plan = load_plan(TEXT.format(name="typo").replace("previous.output", "previous.outptu"))
    (problem,) = check(plan, RunOptions(rehearse=True))

    assert "`previous.outptu` will not be there" in str(problem)
    assert "Did you mean 'output'?" in str(problem)
