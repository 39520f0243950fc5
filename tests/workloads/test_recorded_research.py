"""A recorded run of a research agent, replayed: one planner, ten parallel searches, one writer."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect import Plan, PlanStatus, Usage, load_plan, run_plan
from agentic_prefect.testing import Reply, ReportedUsage, ScriptedServer

pytestmark = pytest.mark.prefect


def calls_in(workloads: Path) -> list[dict[str, Any]]:
    """The twelve recorded calls: the planner's, ten searches, the writer's."""
    return json.loads((workloads / "recorded_research.json").read_text(encoding="utf-8"))["calls"]


def script(
    server: ScriptedServer, calls: list[dict[str, Any]], *, scale: float, held: Sequence[dict[str, Any]] = ()
) -> None:
    """Answer each call as it was answered then: the same text, tokens and, scaled, seconds; some wait for `release`."""
    for call in calls:
        # A search's own words stand in the planner's answer, too, and so in nobody else's prompt but its own.
        marker = call["input"][0]["content"].splitlines()[0]
        usage = ReportedUsage(input_tokens=call["usage"]["input_tokens"], output_tokens=call["usage"]["output_tokens"])
        reply = Reply(content=call["output_text"], usage=usage, delay_s=call["seconds"] * scale)
        server.on(marker, reply.on_hold() if call in held else reply)


def plan_of(calls: list[dict[str, Any]]) -> Plan:
    """The recorded agents as a plan whose searches are spread over what the planner put out."""
    planner, search, writer = calls[0], calls[1], calls[-1]
    return load_plan(
        {
            "name": "recorded-research",
            "inputs": {"query": {"type": "string"}},
            "defaults": {"model": "openai/recorded"},
            "max_concurrency": 20,
            "agents": {
                "planner": {"role": planner["instructions"]},
                "searcher": {"role": search["instructions"]},
                "writer": {"role": writer["instructions"]},
            },
            "tasks": [
                {
                    "id": "plan_searches",
                    "agent": "planner",
                    "description": "{{ inputs.query }}",
                    "output": planner["output_schema"],
                },
                {
                    "id": "search",
                    "agent": "searcher",
                    "for_each": "{{ tasks.plan_searches.output.searches }}",
                    "description": "Search term: {{ item.query }}\nReason for searching: {{ item.reason }}",
                },
                {
                    "id": "write",
                    "agent": "writer",
                    "description": "Original query: {{ inputs.query | replace('Query: ', '') }}",
                    "input": {"summaries": "{{ tasks.search.outputs }}"},
                    "output": writer["output_schema"],
                },
            ],
            "result": "{{ tasks.write.output }}",
        }
    )


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
