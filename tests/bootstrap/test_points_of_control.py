"""Where people step in by policy: before the final output, and where nobody vouches for an output enough."""

import asyncio

import pytest

from agentic_prefect import PlanStatus, RunOptions, run_plan
from agentic_prefect.interventions import inbox
from agentic_prefect.interventions.inbox import Waiting
from agentic_prefect.models.events import InterventionRequested
from agentic_prefect.plans.answers import Answer
from agentic_prefect.testing import RecordingObserver, Reply, ScriptedServer, make_plan
from tests.runtime.conftest import eventually

pytestmark = pytest.mark.prefect

PLAN = make_plan(
    {
        "id": "write",
        "description": "Write the letter.",
        "checks": [{"judge": "It is polite.", "at_least_ratio": 0.7}],
        "failure_policy": {"verification_failed": {"retry": 0, "then": "ask_human"}},
    },
    {"id": "approve", "kind": "human", "description": "Send it?", "input": "{{ tasks.write.output }}"},
    {"id": "send", "description": "Send the letter.", "input": "{{ tasks.write.output }}", "depends_on": ["approve"]},
    defaults={"model": "openai/scripted"},
    result="{{ tasks.send.output }}",
)


@pytest.mark.parametrize(("score", "asked"), [(0.69, ["write", "approve"]), (0.7, ["approve"])])
async def test_people_are_asked_below_the_threshold_and_before_the_end(
    score: float, asked: list[str], openai_env: ScriptedServer, prefect_server: str
) -> None:
    """The plan waits at each point, and nothing after it is asked of the model meanwhile."""
    # D-16
    openai_env.on("# Criterion", Reply.json_value({"reason": "Fairly.", "score_ratio": score, "verdict": "accept"}))
    openai_env.on("Send the letter.", Reply.text("sent"))
    heard = RecordingObserver()

    async def answer(task_id: str) -> None:
        async def look() -> Waiting | None:
            ids = {each.waiting_run_id for each in heard.of(InterventionRequested) if each.task_id == task_id}
            return next((each for each in await inbox.waiting() if each.run_id in ids), None)

        waiting = await eventually(look)
        assert openai_env.requests_matching("Send the letter.") == ()
        by_hand = Answer("supply_output", output="Dear Ada", by="ann")
        await inbox.respond(waiting, by_hand if task_id == "write" else Answer("approve", by="ann"))

    run = asyncio.create_task(run_plan(PLAN, options=RunOptions(observers=[heard])))
    for task_id in asked:
        await answer(task_id)
    result = await run

    assert (result.status, result.output) == (PlanStatus.COMPLETED, "sent")
    assert [each.task_id for each in heard.of(InterventionRequested)] == asked
    assert ("Dear Ada" in openai_env.requests_matching("Send the letter.")[0].prompt_text) is (score < 0.7)
