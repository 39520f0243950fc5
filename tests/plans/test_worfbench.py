"""282 graphs that planners really wrote become plan files; the two with dangling edges are refused."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.edit import rewire
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.load import dump_plan, load_plan
from agentic_prefect.plans.validate import check_plan
from agentic_prefect.policies.effective import effective_plan

DANGLING = {"seal_tools-28": "n2 -> n3", "seal_tools-115": "n2 -> n3"}


@cache
def rows(folder: Path) -> tuple[dict[str, Any], ...]:
    """The graphs, one a line."""
    text = (folder / "worfbench_dags.jsonl").read_text(encoding="utf-8")
    return tuple(json.loads(line) for line in text.splitlines())


def plan_of(row: dict[str, Any]) -> Plan:
    """The plan that a graph describes: one task per node, drawn node by node, then edge by edge."""
    tasks = [
        {"id": f"n{node}", "agent": "worker", "description": _literal(text)} for node, text in row["nodes"].items()
    ]
    plan = load_plan(
        {
            "name": row["id"],
            "description": row["goal"],
            "agents": {"worker": {"role": "assistant", "purpose": "do one step of a larger task"}},
            "tasks": tasks,
        }
    )
    targets = dict.fromkeys(target for _, target in row["edges"])
    for target in targets:
        plan = rewire(plan, f"n{target}", depends_on=[f"n{start}" for start, end in row["edges"] if end == target])
    return plan


def _literal(text: str) -> str:
    """Text that stays as it is where expressions are read."""
    return f"{{% raw %}}{text}{{% endraw %}}" if "{{" in text or "{%" in text else text


def test_every_graph_becomes_a_plan_file(workloads: Path) -> None:
    """Each whole graph is a valid plan with exactly its edges, and survives being written and read."""  # L-05 L-07
    valid = [row for row in rows(workloads) if row["id"] not in DANGLING]

    assert len(valid) == 280
    for row in valid:
        plan = plan_of(row)
        assert check_plan(plan) == ()
        assert load_plan(dump_plan(plan)) == plan
        graph = build_graph(effective_plan(plan))
        assert {(f"n{a}", f"n{b}") for a, b in row["edges"]} == {
            (before, name) for name in graph.order for before in graph.edges[name].all
        }


@pytest.mark.parametrize("row_id", DANGLING)
def test_a_dangling_edge_is_refused(workloads: Path, row_id: str) -> None:
    """An edge to a node that is not there is named, both ends."""
    row = next(row for row in rows(workloads) if row["id"] == row_id)

    with pytest.raises(PlanInvalid, match=DANGLING[row_id]):
        plan_of(row)
