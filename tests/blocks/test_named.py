"""Connections and agents that a plan names and the server holds."""

import uuid
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from pydantic import SecretStr

from agentic_prefect import load_plan, run_plan
from agentic_prefect.blocks import AgentProfile, OpenAIConnection
from agentic_prefect.blocks.named import with_profiles
from agentic_prefect.bootstrap import check, default_model_name
from agentic_prefect.plans.problems import errors_in
from agentic_prefect.stored_plans import find_given
from agentic_prefect.testing import Reply, ScriptedServer
from tests.runtime.conftest import eventually

pytestmark = pytest.mark.prefect
KEY = "sk-block-4f1c9a7e2b6d8035"


@pytest.fixture
async def connection(scripted_server: ScriptedServer, prefect_server: str) -> str:
    """The name of a connection to the scripted server, whose key stands nowhere else."""
    name = f"team-{uuid.uuid4().hex[:8]}"
    block = OpenAIConnection(
        api_key=SecretStr(KEY), base_url=scripted_server.base_url, default_model="house-model", max_in_flight=2
    )
    await cast(Any, block).save(name)
    return name


async def test_a_task_reaches_its_model_through_a_block(
    connection: str, scripted_server: ScriptedServer, prefect_server: str
) -> None:
    """Address, key and default model are the block's; the key is in the request and nowhere on the server's record."""
    scripted_server.on("Greet", Reply.text("Hello"))
    plan = load_plan(
        f"name: block\ntasks:\n- {{id: greet, description: Greet, model: {connection}}}\n"
        f"- {{id: other, description: Greet again, model: {connection}/other-model, depends_on: greet}}\n"
    )

    problems = errors_in(check(plan))
    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}):
        result = await run_plan(plan)
    keys = {request.api_key for request in scripted_server.requests}

    async def logged() -> str | None:
        of_run = {"logs": {"flow_run_id": {"any_": [result.run_id]}}}
        async with httpx.AsyncClient(timeout=60, verify=False) as client:
            lines = (await client.post(f"{prefect_server}/logs/filter", json=of_run)).text
        return lines if "Finished in state Completed" in lines else None

    logs = await eventually(logged)
    async with httpx.AsyncClient(timeout=60, verify=False) as client:
        run = (await client.get(f"{prefect_server}/flow_runs/{result.run_id}")).text
        wanted = {"flow_runs": {"id": {"any_": [result.run_id]}}}
        artifacts = (await client.post(f"{prefect_server}/artifacts/filter", json=wanted)).text

    assert problems == ()
    assert result.results["greet"].output == "Hello"
    assert [request.model for request in scripted_server.requests] == ["house-model", "other-model"]
    assert keys == {KEY}
    assert "plan-report" in artifacts
    assert [KEY in text for text in (run, artifacts, logs, result.model_dump_json())] == [False] * 4


async def test_a_task_is_done_by_an_agent_that_is_a_block(
    connection: str, scripted_server: ScriptedServer, tmp_path: Path
) -> None:
    """Its role and constraints are in the prompt, its model is reached through its own connection."""
    name = f"editor-{uuid.uuid4().hex[:8]}"
    block = AgentProfile(
        role="strict editor",
        constraints=["Never use adverbs."],
        model="edit-model",
        openai_connection=await cast(Any, OpenAIConnection).load(connection),
    )
    await cast(Any, block).save(name)
    plan = load_plan(f"name: edited\ntasks: [{{id: edit, description: Edit this., agent: {name}}}]\n")
    (tmp_path / "plan.yaml").write_text(
        f"name: edited\ntasks: [{{id: edit, description: Edit this., agent: {name}}}]\n"
    )

    result = await run_plan(plan)
    (request,) = scripted_server.requests
    given = find_given(str(tmp_path / "plan.yaml")).plan

    assert result.successful
    assert request.model == "edit-model"
    assert "strict editor" in request.prompt_text
    assert "Never use adverbs." in request.prompt_text
    assert given.agents[name].model == f"{connection}/edit-model"
    assert errors_in(check(given)) == ()


async def test_agents_that_are_blocks_do_a_plans_defaults_and_sub_plans(
    connection: str, scripted_server: ScriptedServer
) -> None:
    """An agent that only the `defaults` or a sub-plan name is found like that of a task."""
    name = f"editor-{uuid.uuid4().hex[:8]}"
    block = AgentProfile(
        role="strict editor",
        model="edit-model",
        openai_connection=await cast(Any, OpenAIConnection).load(connection),
    )
    await cast(Any, block).save(name)
    inner = {"name": "inner", "tasks": [{"id": "edit", "description": "Edit inside.", "agent": name}]}
    plan = load_plan(
        {
            "name": "outer",
            "defaults": {"agent": name},
            "tasks": [{"id": "a", "description": "Edit outside."}, {"id": "b", "kind": "plan", "plan": inner}],
        }
    )

    result = await run_plan(plan)

    assert result.successful, result.reason
    assert sorted(
        ("inside" in request.prompt_text, request.model, "strict editor" in request.prompt_text)
        for request in scripted_server.requests
    ) == [(False, "edit-model", True), (True, "edit-model", True)]


def test_a_name_that_the_server_does_not_hold_stays_unknown(prefect_server: str) -> None:
    """What a plan misspells is told as ever."""
    plan = load_plan("name: lost\ntasks: [{id: a, description: x, agent: nobody-there}]\n")

    assert with_profiles(plan) == plan
    assert any("nobody-there" in str(problem) for problem in errors_in(check(plan)))


def test_a_plans_own_agents_and_connections_go_before_blocks(connection: str, scripted_server: ScriptedServer) -> None:
    """A block cannot take the place of what a plan brings along."""
    plan = load_plan(
        f"name: own\nmodels: {{{connection}: {{base_url: 'http://127.0.0.1:9/v1', model: mine}}}}\n"
        f"tasks: [{{id: a, description: x, model: {connection}}}]\n"
    )
    assert default_model_name(plan) == f"{connection}/mine"
