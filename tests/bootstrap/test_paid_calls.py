"""Tasks that need several model calls: each answered call is a checkpoint, on a real server with real requests."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from agentic_prefect import Plan, PlanResult, PlanStatus, RunOptions, TaskStatus, run_plan
from agentic_prefect.bootstrap import run_plan_here
from agentic_prefect.runtime.stop import StopSignal
from agentic_prefect.testing import Fault, Reply, ScriptedServer, make_plan
from tests.runtime.conftest import eventually
from tests.verification import functions

pytestmark = pytest.mark.prefect

NUMBER: dict[str, Any] = {
    "id": "count", "description": "How many?", "output": {"type": "integer"}, "retry": {"base_s": 0.01},
}  # fmt: skip
BAD, WORSE, GOOD = Reply.text("many"), Reply.text("very many"), Reply.text("7")


def counting(**fields: Any) -> Plan:
    """A plan of one task whose answer is to be a number, and is sent back twice if it is not."""
    task = {**NUMBER, "failure_policy": {"invalid_output": {"repair": 2}}, **fields}
    return make_plan(task, defaults={"model": "openai/scripted"}, result="{{ tasks.count.output }}")


async def again(result: PlanResult, plan: Plan, **options: Any) -> PlanResult:
    """Go on from a run."""
    return await run_plan(plan, options=RunOptions(resume=result.run_id, **options))


def turns(server: ScriptedServer) -> list[int]:
    """How many messages each request had: a first question two, a first repair four, a second one six."""
    return [len(each.body["messages"]) for each in server.requests]


def damage(folder: Path) -> None:
    """Leave the only call that is kept there unreadable."""
    (kept,) = folder.glob("*-call-1")
    kept.write_text("{")


async def test_a_retry_goes_on_from_the_call_that_failed(openai_env: ScriptedServer) -> None:
    """Two answers were paid when the provider broke down; the second attempt makes the third call alone."""
    #
    openai_env.on("How many?", BAD, WORSE, Fault.server_error(), Fault.rate_limited(), GOOD)
    result = await run_plan(counting())
    task = result.results["count"]

    assert turns(openai_env) == [2, 4, 6, 6, 6]
    assert (result.output, task.attempts, task.usage.calls) == (7, 3, 5)


async def test_an_answer_that_was_refused_is_not_taken_over_by_the_next_attempt(openai_env: ScriptedServer) -> None:
    """An attempt that failed of its answers begins anew: else the next one would fail of them, too."""
    openai_env.on("How many?", BAD, WORSE, GOOD)
    plan = counting(failure_policy={"invalid_output": {"repair": 1, "retry": 1}})
    result = await run_plan(plan)

    assert turns(openai_env) == [2, 4, 2]
    assert (result.output, result.results["count"].attempts) == (7, 2)


@pytest.mark.parametrize(
    ("fault", "sent"),
    [(Fault.wrong_key(), [2, 4, 4]), (Fault.refusal(), [2, 4, 2])],
    ids=["what came after", "the answers themselves"],
)
async def test_another_run_goes_on_from_the_call_that_failed(
    openai_env: ScriptedServer, fault: Any, sent: list[int]
) -> None:
    """Unless the answers themselves are what it failed of; nothing but the calls of its own is counted for it."""
    openai_env.on("How many?", BAD, fault, GOOD)
    plan = counting()
    first = await run_plan(plan)
    second = await again(first, plan)

    assert turns(openai_env) == sent
    assert (first.successful, second.output) == (False, 7)
    assert (first.usage.calls, second.usage.calls) == (2, len(sent) - 2)


async def test_what_was_refused_in_one_run_does_not_come_back_in_a_third(openai_env: ScriptedServer) -> None:
    """Calls that a run kept and a later one threw away are gone, those that lay behind them included."""
    openai_env.on("How many?", BAD, WORSE, Fault.wrong_key(), Fault.refusal(), BAD, Fault.wrong_key(), GOOD)
    plan = counting()
    kept = await run_plan(plan)
    thrown_away = await again(kept, plan)
    kept_anew = await again(thrown_away, plan)
    last = await again(kept_anew, plan)

    assert turns(openai_env) == [2, 4, 6, 6, 2, 4, 4]
    assert last.output == 7


async def test_another_model_or_question_pays_anew(openai_env: ScriptedServer) -> None:
    """An answered call is taken over by the same request alone."""
    openai_env.on("How many?", BAD, Fault.wrong_key(), GOOD)
    first = await run_plan(counting())
    second = await again(first, counting(model="openai/other"))

    assert turns(openai_env) == [2, 4, 2]
    assert second.output == 7


async def test_a_task_of_a_single_call_writes_nothing_besides_its_result(
    openai_env: ScriptedServer, tmp_path: Path
) -> None:
    """Checkpoints cost those that need them: two calls leave the first one behind, in a file of its own."""
    openai_env.on("How many?", GOOD, BAD, GOOD)
    kept: list[int] = []
    for _ in range(2):
        with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / str(len(kept))}):
            await run_plan(counting())
        kept.append(len([*(tmp_path / str(len(kept))).glob("*-call-*")]))

    assert kept == [0, 1]


async def test_a_kept_call_that_cannot_be_read_is_paid_again(openai_env: ScriptedServer, tmp_path: Path) -> None:
    """A file that was damaged costs a second payment, not the task."""
    openai_env.on("How many?", BAD, Fault.wrong_key(), GOOD)
    plan = counting(retries=0)
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path}):
        first = await run_plan(plan)
        damage(tmp_path)
        second = await again(first, plan)

    assert turns(openai_env) == [2, 4, 2]
    assert second.output == 7


@pytest.mark.parametrize("run", [run_plan, run_plan_here])
async def test_a_flow_that_is_retried_goes_on_with_the_plan_inside_of_it(openai_env: ScriptedServer, run: Any) -> None:
    """The first time nothing can have been kept, and nothing is looked for; the second time what was kept is found."""
    # U-05
    openai_env.on("Second.", Fault.status(400), Reply.text("two"))
    plan = make_plan(
        {"id": "a", "description": "First."},
        {"id": "b", "description": "Second.", "after": "a"},
        defaults={"model": "openai/scripted"},
    )

    @flow(retries=1, retry_delay_seconds=0)
    async def own() -> PlanResult:
        result: PlanResult = await run(plan)
        if not result.successful:
            raise ValueError(result.reason)
        return result

    result = await own()

    assert [each.prompt_text.count("First.") for each in openai_env.requests] == [1, 0, 0]
    assert (result.results["a"].cached, result.results["b"].cached) == (True, False)


async def test_an_answer_is_not_paid_again_because_its_judge_could_not_be_asked(openai_env: ScriptedServer) -> None:
    """The attempt failed of the judge's provider; the next one takes the answer over and asks the judge alone."""
    content: dict[str, Any] = {"reason": "It says please.", "score_ratio": 1.0, "verdict": "accept"}
    openai_env.on("It is polite.", Fault.server_error(), Reply.json_value(content))
    openai_env.on("Ask for tea.", Reply.text("Tea, please."))
    task = {"id": "x", "description": "Ask for tea.", "checks": [{"judge": "It is polite.", "required": True}]}
    plan = make_plan({**task, "retry": {"base_s": 0.01}}, defaults={"model": "openai/scripted"})
    result = (await run_plan(plan)).results["x"]
    judged = ["It is polite." in each.prompt_text for each in openai_env.requests]

    assert judged == [False, True, True]
    assert (result.output, result.attempts, result.usage.calls) == ("Tea, please.", 2, 3)


async def test_an_answer_that_was_being_checked_when_the_run_was_stopped_is_kept(
    openai_env: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes on has it checked, and asks nobody."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_PACKAGES", '["tests.verification"]')
    functions.BEGUN.clear()
    check = {"function": "tests.verification.functions:lingers"}
    plan = make_plan({"id": "x", "description": "Ask.", "checks": [check]}, defaults={"model": "openai/scripted"})
    stop = StopSignal()

    async def is_checked() -> bool:
        return bool(functions.BEGUN)

    running = asyncio.create_task(run_plan(plan, stop=stop))
    await eventually(is_checked)
    stop.request("somebody pressed Ctrl-C")
    stopped = await running
    result = (await again(stopped, plan)).results["x"]

    assert stopped.status is PlanStatus.CANCELLED
    assert [result.output] * 2 == functions.BEGUN
    assert (openai_env.count, result.status, result.usage.calls) == (1, TaskStatus.COMPLETED, 0)


async def test_what_critics_said_is_found_by_all_who_look_for_it_at_once(openai_env: ScriptedServer) -> None:
    """Several requests are asked for at the same moment, before anything was read; only the unanswered one is sent."""
    content: dict[str, Any] = {"reason": "It is.", "score_ratio": 1.0, "verdict": "accept"}
    openai_env.on("It is true.", Fault.server_error(), Reply.json_value(content))
    openai_env.answer_by_default(Reply.json_value(content))
    criteria = ["It is short.", "It is polite.", "It is true."]
    task = {"id": "note", "kind": "function", "call": "agentic_prefect.examples.feedback:plain_note", "retries": 0}
    # One at a time, so that the first two have their answers before the third fails.
    house = {"base_url": openai_env.base_url, "model": "m", "max_in_flight": 1}
    plan = make_plan(
        {**task, "input": {"complaints": ["Late."]}, "checks": [{"critics": criteria, "required": True}]},
        models={"house": house},
        defaults={"model": "house"},
    )
    first = await run_plan(plan)
    second = await again(first, plan)
    asked = [next(each for each in criteria if each in request.prompt_text) for request in openai_env.requests]

    assert asked == [*criteria, "It is true."]
    assert (first.successful, second.successful) == (False, True)
