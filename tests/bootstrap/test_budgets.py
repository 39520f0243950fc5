"""Budgets over tasks, items, sub-plans and retries, on a real server with real requests."""

from typing import Any

import pytest

from agentic_prefect import PlanStatus, run_plan
from agentic_prefect.testing import Fault, ScriptedServer, make_plan

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
