"""Budgets over tasks, items, sub-plans and retries, on a real server with real requests."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.objects import StateType

from agentic_prefect import Plan, PlanResult, PlanStatus, RunOptions, run_plan
from agentic_prefect.interventions import inbox
from agentic_prefect.interventions.inbox import Waiting
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.events import InterventionRequested, PlanBudgetExceeded
from agentic_prefect.plans.answers import Answer, AnswerRefused
from agentic_prefect.testing import Fault, RecordingObserver, Reply, ScriptedServer, make_plan
from tests.observers.server import artifacts_of
from tests.runtime.conftest import eventually

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


async def test_the_budget_of_a_sub_plan_s_task_covers_all_its_items(openai_env: ScriptedServer) -> None:
    """Three items of two calls each, with a budget of two, send two requests, whatever the plan inside allows."""
    inner = {"name": "inner", "tasks": [{"id": "x", "description": "x"}, {"id": "y", "description": "y"}],
             "budget": {"calls": 9}, **MODEL}  # fmt: skip
    plan = make_plan({"id": "each", "kind": "plan", "plan": inner, "for_each": [1, 2, 3], "budget": {"calls": 2}})
    result = await run_plan(plan)
    error = result.results["each"].error

    assert (openai_env.count, result.usage.calls, result.successful) == (2, 2, False)
    assert error is not None
    assert "The budget of task 'each' is 2 model calls; 2 are spent" in error.message


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


ASK: dict[str, Any] = {"failure_policy": {"budget_exceeded": "ask_human"}}


async def asked_for_more(plan: Plan, *answers: str) -> tuple[PlanResult, list[Waiting], RecordingObserver]:
    """The result of a plan whose budget people raise, the questions, and what was heard."""
    heard, questions = RecordingObserver(), list[Waiting]()

    async def open_question() -> Waiting | None:
        asked = heard.of(InterventionRequested)
        if len(asked) <= len(questions):
            return None
        every = {each.run_id: each for each in await inbox.waiting()}
        return every.get(asked[len(questions)].waiting_run_id or "")

    async def answer() -> None:
        for more in answers:
            questions.append(await eventually(open_question))
            await inbox.respond(questions[-1], Answer("retry", comment="worth it", by="ann", more=more))

    result, _ = await asyncio.gather(run_plan(plan, options=RunOptions(observers=[heard])), answer())
    return result, questions, heard


async def test_people_are_asked_for_more(openai_env: ScriptedServer) -> None:
    """The question shows what is spent and what is asked for; the answer raises the budget, and is kept with the task;
    the report says so, and a table shows what it was spent on.
    """
    # D-08
    plan = make_plan(
        {"id": "a"}, {"id": "b", "after": "a"}, {"id": "c", "after": "b"},
        budget={"calls": 1, "tokens": 100_000}, defaults={**MODEL["defaults"], **ASK},
    )  # fmt: skip
    result, questions, heard = await asked_for_more(plan, "calls=2")
    asked = questions[0].intervention
    sheets = {each.key: each.data for each in await artifacts_of(result.run_id)}
    spending = json.loads(str(sheets["plan-spending"]))

    assert (result.status, openai_env.count) == (PlanStatus.COMPLETED, 3)
    assert asked.question == "Task 'b' was stopped by its budget. May more be spent?"
    assert asked.error is not None
    assert "is 1 model calls; 1 are spent, and the next call may need 1" in asked.error.message
    assert asked.suggested[0] == "retry"
    assert [each.more for each in result.results["b"].decisions] == [Budget(calls=2)]
    assert [each.task_id for each in heard.of(PlanBudgetExceeded)] == ["b"]
    assert result.budget is not None
    assert (result.budget.calls, result.budget.before) == (3, plan.budget)
    assert "Budget: 100,000 tokens, 3 calls; it was exceeded; people raised it from 100,000 tokens, 1 call." in str(
        sheets["plan-report"]
    )
    assert [(row["of"], row["calls"]) for row in spending[:3]] == [("budget", 3), ("spent", 3), ("left", 0)]
    assert sorted(row["of"] for row in spending[3:]) == ["task a", "task b", "task c"]


async def test_too_little_more_is_asked_about_again(openai_env: ScriptedServer) -> None:
    """Nothing is sent until there is room; a try without more would end alike, and is refused."""
    plan = make_plan(
        {"id": "long", "description": "x" * 400},
        budget={"tokens": 50}, defaults={**MODEL["defaults"], **ASK},
    )  # fmt: skip
    result, questions, _ = await asked_for_more(plan, "tokens=10", "tokens=5000")
    with pytest.raises(AnswerRefused, match="does not say how much more may be spent"):
        await inbox.respond(questions[0], Answer("retry"))

    assert (result.status, openai_env.count, len(questions)) == (PlanStatus.COMPLETED, 1, 2)
    assert result.budget is not None
    assert result.budget.tokens == 5060


async def test_more_for_a_fan_out_goes_to_what_is_left_of_it(openai_env: ScriptedServer) -> None:
    """Its own budget is raised and the plan's is not; items that were answered are not asked again."""
    plan = make_plan(
        {"id": "each", "for_each": [1, 2, 3, 4, 5], "description": "Item {{ item }}.", "budget": {"calls": 3}, **ASK},
        budget={"calls": 9},
        **MODEL,
    )
    result, questions, _ = await asked_for_more(plan, "calls=2")

    assert (result.status, openai_env.count, len(questions)) == (PlanStatus.COMPLETED, 5, 1)
    assert sorted(each.prompt_text.partition("Item ")[2][:1] for each in openai_env.requests) == list("12345")
    assert result.budget is not None
    assert (result.budget.calls, result.budget.before) == (9, None)


async def test_a_task_of_a_sub_plan_asks_for_more_of_the_outer_budget(openai_env: ScriptedServer) -> None:
    """It is the budget that had no room; nothing of the sub-plan is done twice."""
    inner = {"name": "inner", "tasks": [{"id": f"t{n}", "description": "x"} for n in range(3)],
             "defaults": {**MODEL["defaults"], **ASK}, "max_concurrency": 1}  # fmt: skip
    plan = make_plan({"id": "nest", "kind": "plan", "plan": inner, "description": ""}, budget={"calls": 2})
    result, questions, _ = await asked_for_more(plan, "calls=1")

    assert (result.status, openai_env.count, len(questions)) == (PlanStatus.COMPLETED, 3, 1)
    assert "The budget of plan 'plan' is 2 model calls" in str(questions[0].intervention.error)
    assert result.budget is not None
    assert (result.budget.calls, result.usage.calls) == (3, 3)


async def test_more_for_a_sub_plan_s_task_goes_to_what_is_left_of_it(openai_env: ScriptedServer) -> None:
    """People are asked once; its own budget is raised and the plan's is not; what was answered is not asked again."""
    tasks = [{"id": "x", "description": "x"}, {"id": "y", "description": "y", "after": "x"}]
    inner = {"name": "inner", "tasks": tasks, **MODEL}
    plan = make_plan({"id": "nest", "kind": "plan", "plan": inner, "budget": {"calls": 1}, **ASK}, budget={"calls": 9})
    result, questions, _ = await asked_for_more(plan, "calls=1")

    assert (result.status, openai_env.count, len(questions)) == (PlanStatus.COMPLETED, 2, 1)
    assert "The budget of task 'nest' is 1 model calls; 1 are spent" in str(questions[0].intervention.error)
    assert result.budget is not None
    assert (result.budget.calls, result.budget.before) == (9, None)


async def test_a_cheaper_model_does_what_the_budget_leaves_room_for(openai_env: ScriptedServer) -> None:
    """The dear one is not asked at all, and that the budget stopped it is announced."""
    heard = RecordingObserver()
    models = {
        name: {"base_url": openai_env.base_url, "model": name, "settings": {"max_output_tokens": most}}
        for name, most in (("dear", 5000), ("cheap", 50))
    }
    plan = make_plan(
        {"id": "a"}, {"id": "b", "after": "a"},
        budget={"tokens": 1000}, models=models,
        defaults={"model": "dear", "failure_policy": {"budget_exceeded": {"model": "cheap"}}},
    )  # fmt: skip
    result = await run_plan(plan, options=RunOptions(observers=[heard]))

    assert result.status is PlanStatus.COMPLETED
    assert [each.model for each in openai_env.requests] == ["cheap", "cheap"]
    assert [each.task_id for each in heard.of(PlanBudgetExceeded)] == ["a"]
    assert result.budget is not None
    assert result.budget.exceeded


async def test_a_spent_budget_may_stop_the_plan(openai_env: ScriptedServer) -> None:
    """Nothing starts any more, whatever still could."""
    plan = make_plan(
        {"id": "a"}, {"id": "b", "after": "a"}, {"id": "c", "after": "a"},
        {"id": "free", "kind": "function", "call": "agentic_prefect.examples.feedback:plain_note",
         "input": {"complaints": []}, "description": "", "after": "b"},
        budget={"calls": 1}, max_concurrency=1,
        defaults={**MODEL["defaults"], "failure_policy": {"budget_exceeded": "abort"}},
    )  # fmt: skip
    result = await run_plan(plan)

    assert (result.status, openai_env.count) == (PlanStatus.FAILED, 1)
    assert {name: each.status.value for name, each in result.results.items()} == {
        "a": "completed", "b": "failed", "c": "skipped", "free": "skipped",
    }  # fmt: skip
