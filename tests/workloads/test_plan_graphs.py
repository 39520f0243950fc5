"""280 plan graphs that planners really wrote, run with real requests; and the graph on which waves would show."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentic_prefect import Plan, PlanResult, PlanStatus, run_plan
from agentic_prefect.testing import Reply, ScriptedServer, make_plan
from tests.plans.test_worfbench import DANGLING, plan_of, rows

# Groups are begun first: these take long, and would be the last.
pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("workloads")]

GRAPHS_PER_PLAN = 70
"""Graphs are independent of each other, so that several make one plan without changing what any of them means."""


def joined(plans: list[Plan]) -> Plan:
    """One plan of several: every task keeps its edges, its id gets its graph's place in front."""
    tasks = [
        task.model_copy(
            update={
                "id": f"g{place}_{task.id}",
                "agent": None,
                "depends_on": tuple(f"g{place}_{name}" for name in task.depends_on),
            }
        )
        for place, plan in enumerate(plans)
        for task in plan.tasks
    ]
    return make_plan(*tasks, name=plans[0].name.replace("_", "-"), max_concurrency=50, defaults={"model": "openai/x"})


def early_starts(plan: Plan, result: PlanResult) -> Iterator[str]:
    """Every task that started before something it depends on had ended."""
    for task in plan.tasks:
        started = result.results[task.id].started_at
        for name in task.depends_on:
            ended = result.results[name].ended_at
            if started is None or ended is None or started < ended:
                yield f"{task.id} before {name}"


async def test_every_edge_is_respected(
    workloads: Path, scripted_server: ScriptedServer, openai_env: ScriptedServer
) -> None:
    """All 280 graphs complete, no task starts before what it depends on, and each task is asked for once."""
    graphs = [plan_of(row) for row in rows(workloads) if row["id"] not in DANGLING]
    plans = [joined(graphs[start : start + GRAPHS_PER_PLAN]) for start in range(0, len(graphs), GRAPHS_PER_PLAN)]
    results = [await run_plan(plan) for plan in plans]

    assert len(graphs) == 280
    assert {result.status for result in results} == {PlanStatus.COMPLETED}
    assert [late for plan, result in zip(plans, results, strict=True) for late in early_starts(plan, result)] == []
    assert scripted_server.count == sum(len(graph.tasks) for graph in graphs)


async def test_every_root_starts_at_once(
    workloads: Path, scripted_server: ScriptedServer, openai_env: ScriptedServer
) -> None:
    """While no answer is given, every root of forty graphs has been asked for, and nothing else has."""
    graphs = [plan_of(row) for row in rows(workloads) if row["id"] not in DANGLING][:40]
    plan = joined(graphs).model_copy(update={"max_concurrency": 500})
    roots = sum(not task.depends_on for task in plan.tasks)
    scripted_server.answer_by_default(Reply.hold())
    running = asyncio.create_task(run_plan(plan))
    await scripted_server.wait_for_requests_async(roots, timeout_s=60)
    held = scripted_server.in_flight
    scripted_server.answer_by_default(Reply.echo())
    scripted_server.release()
    result = await running

    assert held == roots
    assert result.status is PlanStatus.COMPLETED
    assert list(early_starts(plan, result)) == []


async def test_no_waves(scripted_server: ScriptedServer, openai_env: ScriptedServer) -> None:
    """Where a takes ten times as long as b, and c, which comes after b, as long as b, c ends before a does."""
    scripted_server.on("Do a.", Reply.text("a").delayed(3))
    scripted_server.on("Do b.", Reply.text("b").delayed(0.3))
    scripted_server.on("Do c.", Reply.text("c").delayed(0.3))
    plan = make_plan({"id": "a"}, {"id": "b"}, {"id": "c", "depends_on": "b"}, defaults={"model": "openai/x"})
    results = (await run_plan(plan)).results
    a_ended, c_ended = results["a"].ended_at, results["c"].ended_at

    assert a_ended is not None
    assert c_ended is not None
    assert c_ended < a_ended
