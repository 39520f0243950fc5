"""`agentic-prefect graph`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from agentic_prefect.cli.arguments import PlanReference
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.graph import PlanGraph, build_graph
from agentic_prefect.plans.mermaid import mermaid
from agentic_prefect.plans.tree import tree
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.stored_plans import read_plan


def graph(
    plan: PlanReference,
    *,
    format: Annotated[Literal["tree", "mermaid", "json"], Parameter(name=("--format", "-f"))] = "tree",
) -> None:
    """Draw a plan.

    Args:
        plan: A plan's file, the name of a stored plan, or `-` for standard input.
        format: A tree for the terminal, Mermaid's text for documents, or JSON for programs.
    """
    drawn = effective_plan(read_plan(plan))
    edges = build_graph(drawn)
    match format:
        case "tree":
            text = str(tree(drawn, edges))
        case "mermaid":
            text = mermaid(drawn, edges)
        case "json":
            text = json.dumps(_as_data(drawn, edges), indent=2)
    sys.stdout.write(text.rstrip("\n") + "\n")


def _as_data(plan: Plan, graph: PlanGraph) -> dict[str, object]:
    stats = graph.stats
    return {
        "plan": plan.name,
        "order": graph.order,
        "roots": stats.roots,
        "leaves": stats.leaves,
        "depth": stats.depth,
        "edges": [{"from": before, "to": name} for name in graph.order for before in sorted(graph.edges[name].all)],
        "fallbacks": [
            {"task": owner, "fallback": name} for name, owners in graph.fallback_for.items() for owner in owners
        ],
    }
