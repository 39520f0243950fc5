"""A recorded run of a research agent, replayed: one planner, ten parallel searches, one writer."""

import asyncio
import json
from pathlib import Path

import pytest

from agentic_prefect import PlanStatus, Usage, run_plan
from agentic_prefect.testing import ScriptedServer
from tests.workloads.research import calls_in, plan_of, script

pytestmark = pytest.mark.prefect


async def test_the_same_searches_and_the_same_report(
    workloads: Path, scripted_server: ScriptedServer, openai_env: ScriptedServer
) -> None:
    """The replay asks the recorded searches, ends with the recorded report, and counts every recorded token."""
    calls = calls_in(workloads)
    script(scripted_server, calls, scale=0)
    result = await run_plan(plan_of(calls), {"query": calls[0]["input"][0]["content"]})
    asked = [request.prompt_text for request in scripted_server.requests]
    totals = {key: sum(call["usage"][key] for call in calls) for key in ("input_tokens", "output_tokens")}

    assert result.status is PlanStatus.COMPLETED, result.reason
    assert result.output == json.loads(calls[-1]["output_text"])
    for call in calls[1:-1]:
        assert sum(call["input"][0]["content"] in prompt for prompt in asked) == 1
    assert (result.usage.input_tokens, result.usage.output_tokens) == tuple(totals.values())
    assert result.usage == sum((each.usage for name, each in result.results.items() if name != "search"), Usage())
    assert scripted_server.count == 12


async def test_nothing_waits_that_could_run(
    workloads: Path, scripted_server: ScriptedServer, openai_env: ScriptedServer
) -> None:
    """All ten searches are under way at once, and the report is asked for after the last; `benchmarks` has the time."""
    calls = calls_in(workloads)
    script(scripted_server, calls, scale=0, held=calls[1:-1])
    running = asyncio.create_task(run_plan(plan_of(calls), {"query": calls[0]["input"][0]["content"]}))
    await scripted_server.wait_for_requests_async(11, timeout_s=60)
    in_flight = scripted_server.in_flight
    scripted_server.release()
    result = await running
    searched = [request.answered_at or 0 for request in scripted_server.requests[1:-1]]

    assert result.status is PlanStatus.COMPLETED, result.reason
    assert (in_flight, scripted_server.max_in_flight, len(searched)) == (10, 10, 10)
    assert scripted_server.requests[-1].received_at > max(searched)
