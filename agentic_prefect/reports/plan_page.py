"""A plan that nobody has run yet, as Markdown: the description of its deployment."""

from agentic_prefect.models.budget import Budget
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.graph import PlanGraph, build_graph
from agentic_prefect.plans.mermaid import mermaid
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.reports.markdown import MAX_GRAPH_TASKS, drawing
from agentic_prefect.reports.markup import bounded, inline, table
from agentic_prefect.reports.wording import counted

MAX_ROWS = 100
"""Tasks in the table; the rest is counted."""


def plan_page(plan: Plan, *, told: str = "") -> str:
    """What the plan is for, its inputs, its tasks as a table, and its graph.

    Args:
        plan: The plan as it was written.
        told: A line about it, such as its version; empty leaves it out.
    """
    effective = effective_plan(plan)
    graph = build_graph(effective)
    parts = [inline(plan.description, 1_000), told, _limits(plan), _inputs(plan), _tasks(effective, graph)]
    parts.append(drawing(mermaid(effective, graph) if len(plan.tasks) <= MAX_GRAPH_TASKS else None))
    return bounded("\n\n".join(part for part in parts if part) + "\n")


def _limits(plan: Plan) -> str:
    limits = [f"{name} {value}" for name in Budget.model_fields if (value := getattr(plan.budget, name, None))]
    return f"Budget: {', '.join(limits)}." if limits else ""


def _inputs(plan: Plan) -> str:
    if not plan.inputs:
        return ""
    rows = [
        (
            inline(name),
            inline(str(schema.get("type") or ("one of several" if "enum" in schema else "any"))),
            inline(str(schema["default"]), 60) if "default" in schema else "must be given",
            inline(str(schema.get("description", "")), 200),
        )
        for name, schema in plan.inputs.items()
    ]
    return "## Inputs\n\n" + table(("Input", "Type", "Default", "What it is"), rows)


def _tasks(plan: Plan, graph: PlanGraph) -> str:
    tasks = {task.id: task for task in plan.tasks}
    rows = [(inline(name), _who(tasks[name]), _after(name, graph), _what(tasks[name])) for name in graph.order]
    page = "## Tasks\n\n" + table(("Task", "By", "After", "What"), rows[:MAX_ROWS])
    return page + (f"\n\nNot listed: {counted(len(rows) - MAX_ROWS, 'more task')}." if len(rows) > MAX_ROWS else "")


def _who(task: AgentTask) -> str:
    return inline(task.agent or "assistant") if task.kind == "agent" else inline(f"({task.kind})")


def _after(name: str, graph: PlanGraph) -> str:
    owners = graph.fallback_for.get(name, ())
    if owners:
        return f"if {inline(', '.join(owners))} fails"
    rank = {each: place for place, each in enumerate(graph.order)}
    return inline(", ".join(sorted(graph.edges[name].all, key=rank.__getitem__)))


def _what(task: AgentTask) -> str:
    return ("for each item: " if task.for_each is not None else "") + inline(task.description, 120)
