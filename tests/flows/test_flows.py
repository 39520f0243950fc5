"""The flows written with the decorator, and the door that runs any plan."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from flows.digest import digest
from flows.run_plan import run_plan
from flows.second_opinion import second_opinion

pytestmark = pytest.mark.prefect

PLAN = "name: tiny\ninputs: {who: {type: string}}\ntasks: [{id: greet, description: 'Greet {{ inputs.who }}'}]\n"
SUMMARY = {"title": "Short", "points": ["One point."]}


@pytest.fixture(autouse=True)
def _model(openai_env: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_MODEL", "openai/scripted")


async def test_digest_falls_back(openai_env: ScriptedServer) -> None:
    """A summary that is refused is asked for again in a shorter form."""
    openai_env.on("in three points", Fault.refusal())
    openai_env.on("one point", Reply.json_value(SUMMARY))

    summary = await digest(text="A long text.")

    assert summary.model_dump() == SUMMARY
    assert [("A long text." in request.prompt_text) for request in openai_env.requests] == [True, True]


async def test_experts_are_asked_at_once(openai_env: ScriptedServer) -> None:
    """All experts are in flight together, and the one who fails is left out of what is weighed."""
    for field in ("law", "art"):
        openai_env.on(f"expert in {field}", Reply.text(f"{field} says yes").on_hold())
    openai_env.on("expert in war", Fault.refusal().on_hold())
    asked = asyncio.create_task(second_opinion(question="Shall we?", experts=["law", "art", "war"]))
    await openai_env.wait_for_requests_async(3, timeout_s=60)
    openai_env.release()

    verdict = await asked
    weighed = openai_env.requests_matching("Weigh the opinions")[0].prompt_text

    assert verdict.answer
    assert "law says yes" in weighed
    assert "art says yes" in weighed
    assert openai_env.max_in_flight == 3


async def test_a_plan_given_as_text_runs(openai_env: ScriptedServer) -> None:  # CT-05
    """The door takes a whole plan, and the run is called like the plan."""
    openai_env.answer_by_default(Reply.text("Hello Ada"))

    state = await _state(plan=PLAN, inputs={"who": "Ada"})
    result = await state.result()

    assert isinstance(result, PlanResult)
    assert result.output == "Hello Ada"


async def test_a_stored_plan_runs_by_name(openai_env: ScriptedServer) -> None:
    """The door finds a shipped plan, and a rehearsal asks no model."""
    state = await _state(plan="triage", rehearse=True)

    assert (await state.result()).status is PlanStatus.COMPLETED
    assert openai_env.count == 0


async def test_a_failed_plan_is_a_failed_run(openai_env: ScriptedServer) -> None:
    """The state of the run is the plan's, with its result inside."""
    openai_env.answer_by_default(Fault.refusal())

    state = await _state(plan=PLAN, inputs={"who": "Ada"})
    result = await state.result(raise_on_failure=False)

    assert state.is_failed()
    assert result.status is PlanStatus.FAILED


async def test_a_run_takes_its_policy(openai_env: ScriptedServer) -> None:
    """The parameter decides where the plan says nothing."""  # A-Q2
    openai_env.answer_by_default(Fault.server_error())

    await _state(plan=PLAN, inputs={"who": "Ada"}, policy={"retries": 1, "retry": {"backoff": "none"}})

    assert openai_env.count == 2


async def test_a_run_takes_its_budget(openai_env: ScriptedServer) -> None:
    """The parameter stands in for the plan's own; the call that does not fit is not made."""
    openai_env.answer_by_default(Reply.text("Hello"))
    plan = PLAN.replace("tasks: [", "budget: {calls: 9}\ntasks: [{id: part, description: Bye, depends_on: greet}, ")

    state = await _state(plan=plan, inputs={"who": "Ada"}, budget={"calls": 1})
    result = await state.result(raise_on_failure=False)

    assert (result.budget.calls, openai_env.count) == (1, 1)
    assert result.result_of("part").error.code == "budget_exceeded"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"plan": PLAN, "policy": {"retires": 1}}, "there is no policy field 'retires'. Did you mean 'retries'?"),
        ({"plan": PLAN, "budget": {"used": 1}}, "budget: unknown field 'used'. Did you mean 'usd'?"),
        ({"plan": "no_such_plan"}, "no stored plan of that name"),
        ({"plan": PLAN.replace("id: greet", "id: greet, agent: nobody")}, "nobody"),
        ({"plan": PLAN, "inputs": {"whom": "Ada"}}, "Did you mean 'who'"),
        ({"plan": ""}, "No plan is named"),
    ],
)
async def test_a_bad_parameter_fails_the_run(
    parameters: dict[str, Any], message: str, openai_env: ScriptedServer
) -> None:
    """A run that was made by hand says what is wrong in its state, and asks no model."""
    state = await _state(**parameters)

    assert state.is_failed()
    assert message in state.message
    assert openai_env.count == 0


async def test_a_run_whose_model_could_not_answer_ends_before_anything_is_paid(openai_env: ScriptedServer) -> None:
    """Also where only a later task lacks its key: nothing is begun that could not be finished."""
    later = (
        "name: later\nmodels:\n  elsewhere: {base_url: 'https://models.invalid/v1', api_key_env: KEY_OF_NOBODY}\n"
        "tasks:\n  - {id: greet, description: Greet.}\n"
        "  - {id: translate, description: Translate it., depends_on: [greet], model: elsewhere/large}\n"
    )
    state = await _state(plan=later)

    assert state.is_failed()
    assert "KEY_OF_NOBODY" in state.message
    assert openai_env.count == 0


def test_the_form_explains_every_parameter(repository: Path) -> None:
    """The flow's docstring describes each parameter, and each has a default, so that a run starts with one click."""
    schema: dict[str, Any] = run_plan.parameters.model_dump()

    assert all(field.get("description") for field in schema["properties"].values())
    assert schema["required"] == []


@pytest.mark.parametrize("door", [run_plan, digest, second_opinion])
def test_a_door_has_a_description(door: Any) -> None:
    """What the flow does becomes the deployment's description."""
    assert door.description


async def _state(**parameters: Any) -> Any:
    """The final state of a run of the door, its failure not raised."""
    door = cast("Callable[..., Awaitable[Any]]", run_plan)
    return await door(**parameters, return_state=True)
