"""Budgets over tasks, items, sub-plans and retries, on a real server with real requests."""

from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.objects import StateType

from agentic_prefect import PlanStatus, RunOptions, run_plan
from agentic_prefect.models.events import PlanBudgetExceeded
from agentic_prefect.testing import Fault, RecordingObserver, Reply, ScriptedServer, make_plan

pytestmark = pytest.mark.prefect

MODEL: dict[str, Any] = {"defaults": {"model": "openai/scripted"}}


async def test_a_task_s_budget_covers_all_its_items(scripted_server: ScriptedServer, openai_env: None) -> None:
    """Five items with a budget of three calls send three requests; the plan's own budget is untouched by the rest."""
    plan = make_plan(
        {"id": "each", "for_each": [1, 2, 3, 4, 5], "budget": {"calls": 3}, "on_failure": "continue"},
        {"id": "other"},
        budget={"calls": 10},
        **MODEL,
    )
    result = await run_plan(plan)
    codes = [each.error.code for name, each in result.results.items() if name.startswith("each[") and each.error]

    assert scripted_server.count == 4
    assert codes == ["budget_exceeded", "budget_exceeded"]
    assert (result.results["other"].status.value, result.usage.calls) == ("completed", 4)
    assert result.budget is not None
    assert result.budget.exceeded


async def test_a_sub_plan_spends_its_parent_s_budget(scripted_server: ScriptedServer, openai_env: None) -> None:
    """Three tasks inside and one after it share a budget of three calls: the last one is not sent."""
    inner = {"name": "inner", "tasks": [{"id": f"t{n}", "description": "x"} for n in range(3)], **MODEL}
    plan = make_plan(
        {"id": "nest", "kind": "plan", "plan": inner, "description": ""},
        {"id": "after", "after": "nest"},
        budget={"calls": 3},
        **MODEL,
    )
    result = await run_plan(plan)
    error = result.results["after"].error

    assert (scripted_server.count, result.status) == (3, PlanStatus.PARTIAL_FAILURE)
    assert error is not None
    assert error.code == "budget_exceeded"


async def test_failed_attempts_count(scripted_server: ScriptedServer, openai_env: None) -> None:
    """A retry that the budget does not allow is not sent, and the error says which limit stood in the way."""
    scripted_server.answer_by_default(Fault.server_error())
    plan = make_plan({"id": "x", "retry": {"base_s": 0.01}}, budget={"calls": 2}, **MODEL)
    error = (await run_plan(plan)).results["x"].error

    assert scripted_server.count == 2
    assert error is not None
    assert [each.code for each in error.history] == ["server", "server", "budget_exceeded"]


async def test_a_plan_ends_when_its_time_is_up(scripted_server: ScriptedServer, openai_env: None) -> None:
    """What runs is cancelled, what was finished is kept, and the run says that its time was up."""
    scripted_server.on("never", Reply.hold())
    heard = RecordingObserver()
    plan = make_plan(
        {"id": "quick"},
        {"id": "slow", "description": "never", "after": "quick"},
        {"id": "late", "after": "slow"},
        budget={"wall_s": 6},
        **MODEL,
    )
    result = await run_plan(plan, options=RunOptions(observers=[heard]))
    async with get_client() as client:
        run = await client.read_flow_run(UUID(result.run_id))
    exceeded = heard.of(PlanBudgetExceeded)

    assert (result.status, result.reason) == (
        PlanStatus.FAILED,
        "the plan has taken the 6 s that `budget.wall_s` allows",
    )
    assert {name: each.status.value for name, each in result.results.items()} == {
        "quick": "completed", "slow": "cancelled", "late": "skipped",
    }  # fmt: skip
    assert run.state is not None
    assert (run.state.type, run.state.name) == (StateType.FAILED, "TimedOut")
    assert [(each.task_id, each.reason) for each in exceeded] == [("", result.reason)]
    assert result.budget is not None
    assert (result.budget.wall_s, result.budget.exceeded, result.budget.timed_out) == (6, True, True)


async def test_a_sub_plan_that_a_budget_stops_is_a_task_over_budget(
    scripted_server: ScriptedServer, openai_env: None
) -> None:
    """Both plans tell of it, each once, and the outer one's policy for spent budgets holds."""
    heard = RecordingObserver()
    inner = {"name": "inner", "tasks": [{"id": f"t{n}", "description": "x"} for n in range(3)], **MODEL}
    plan = make_plan(
        {"id": "nest", "kind": "plan", "plan": inner, "description": "",
         "failure_policy": {"budget_exceeded": {"fallback": ["instead"]}}},
        {"id": "instead", "kind": "function", "call": "agentic_prefect.examples.feedback:plain_note",
         "input": {"complaints": []}, "description": ""},
        budget={"calls": 1},
        **MODEL,
    )  # fmt: skip
    result = await run_plan(plan, options=RunOptions(observers=[heard]))
    error = result.results["nest"].error

    assert (scripted_server.count, result.status) == (1, PlanStatus.COMPLETED)
    assert error is not None
    assert (error.code, "The budget of plan 'plan' is 1 model calls" in error.message) == ("budget_exceeded", True)
    assert [(each.plan, each.task_id[:1]) for each in heard.of(PlanBudgetExceeded)] == [("inner", "t"), ("plan", "n")]


async def test_token_and_time_limits_stop_a_task(scripted_server: ScriptedServer, openai_env: None) -> None:
    """A task that may use few tokens sends nothing that could use more; one that may take little time is given up."""
    # D-08
    scripted_server.on("never", Reply.hold())
    plan = make_plan(
        {"id": "wordy", "description": "x" * 400, "budget": {"tokens": 50}},
        {"id": "slow", "description": "never", "timeout_s": 1, "retries": 0},
        **MODEL,
    )
    result = await run_plan(plan)
    errors = {name: each.error.code.value for name, each in result.results.items() if each.error}

    assert errors == {"wordy": "budget_exceeded", "slow": "timeout"}
    assert [request.prompt_text for request in scripted_server.requests if "xxxx" in request.prompt_text] == []


async def test_a_task_that_goes_round_in_circles_is_stopped(scripted_server: ScriptedServer, openai_env: None) -> None:
    """Neither its repairs nor its retries are used up; what was wrong with the answers is the cause."""
    #
    scripted_server.answer_by_default(Reply.text("no number"))
    plan = make_plan(
        {"id": "a", "output": {"type": "integer"}, "failure_policy": {"invalid_output": {"repair": 9}}},
        {"id": "b", "output": {"type": "integer"}, "max_turns": 2},
        **MODEL,
    )
    result = await run_plan(plan)
    errors = [result.results[name].error for name in "ab"]

    assert scripted_server.count == 3 + 2
    assert [(each.code, each.cause.code) for each in errors if each and each.cause] == [
        ("runaway", "invalid_output")
    ] * 2
