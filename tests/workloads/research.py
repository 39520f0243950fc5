"""The recorded run as a plan, and as a script for the scripted server."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentic_prefect import Plan, load_plan
from agentic_prefect.testing import Reply, ReportedUsage, ScriptedServer


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
