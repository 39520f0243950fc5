"""A plan as a tree, for terminals: every task once, under the one it waits for longest."""

from collections.abc import Iterator
from dataclasses import dataclass

from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.graph import PlanGraph
from agentic_prefect.plans.names import listing


@dataclass(frozen=True, slots=True)
class Branch:
    """A task and what comes after it."""

    task_id: str
    who: str
    """The agent, or the kind of a task without one; empty for a plain assistant."""
    notes: tuple[str, ...] = ()
    """`fallback for write`, `per item`, `when …`, `also after search`."""
    branches: tuple["Branch", ...] = ()


@dataclass(frozen=True, slots=True)
class PlanTree:
    """A plan and its roots."""

    plan: str
    branches: tuple[Branch, ...]

    def __str__(self) -> str:
        return "\n".join([self.plan, *_lines(self.branches, "")]) + "\n"


def tree(plan: Plan, graph: PlanGraph) -> PlanTree:
    """The tree of a plan.

    A task with several predecessors stands under the last of them and names the others that are not above it anyway.

    Args:
        plan: The plan with its effective fields.
        graph: Its graph.
    """
    rank = {name: place for place, name in enumerate(graph.order)}
    children: dict[str | None, list[str]] = {}
    above: dict[str, frozenset[str]] = {}
    others: dict[str, list[str]] = {}
    for name in graph.order:
        owners = graph.fallback_for.get(name, ())
        before = sorted(owners or graph.edges[name].all, key=lambda other: (graph.levels[other], rank[other]))
        parent = before[-1] if before else None
        children.setdefault(parent, []).append(name)
        above[name] = above[parent] | {parent} if parent is not None else frozenset()
        others[name] = sorted(graph.edges[name].all - above[name], key=rank.__getitem__)
    tasks = {task.id: task for task in plan.tasks}
    built: dict[str, Branch] = {}
    for name in reversed(graph.order):
        notes = _notes(tasks[name], graph.fallback_for.get(name, ()), others[name])
        below = tuple(built[child] for child in children.get(name, ()))
        built[name] = Branch(name, _who(tasks[name]), notes, below)
    return PlanTree(plan.name, tuple(built[name] for name in children.get(None, ())))


def _who(task: AgentTask) -> str:
    return task.agent or "" if task.kind == "agent" else task.kind


def _notes(task: AgentTask, owners: tuple[str, ...], others: list[str]) -> tuple[str, ...]:
    notes = [f"fallback for {listing(owners)}"] if owners else []
    if task.for_each is not None:
        notes.append("per item")
    if task.when is not None:
        notes.append(f"when {str(task.when).removeprefix('{{').removesuffix('}}').strip()}")
    also = [other for other in others if other not in owners]
    if also:
        notes.append(f"also after {listing(also)}")
    return tuple(notes)


def _lines(branches: tuple[Branch, ...], indent: str) -> Iterator[str]:
    # A chain of a thousand tasks is a tree a thousand levels deep, so that this keeps its own stack.
    stack = [(branch, indent, place == len(branches) - 1) for place, branch in enumerate(branches)][::-1]
    while stack:
        branch, indent, is_last = stack.pop()
        who = f" ({branch.who})" if branch.who else ""
        notes = f"  [{'; '.join(branch.notes)}]" if branch.notes else ""
        yield f"{indent}{'└── ' if is_last else '├── '}{branch.task_id}{who}{notes}"
        below = indent + ("    " if is_last else "│   ")
        last = len(branch.branches) - 1
        stack += [(inner, below, place == last) for place, inner in enumerate(branch.branches)][::-1]
