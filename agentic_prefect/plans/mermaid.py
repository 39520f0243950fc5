"""A plan as a Mermaid flowchart."""

from collections.abc import Iterable, Mapping

from agentic_prefect.models.plan import Plan
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.graph import PlanGraph

MAX_LABEL_CHARS = 60
"""A longer line of a label is cut; the whole text stands in the plan."""
COLOURS: Mapping[TaskStatus, tuple[str, str]] = {
    TaskStatus.PENDING: ("#e5e7eb", "#1f2937"),
    TaskStatus.IN_PROGRESS: ("#bfdbfe", "#1e3a8a"),
    TaskStatus.RETRYING: ("#fde68a", "#713f12"),
    TaskStatus.AWAITING_HUMAN: ("#ddd6fe", "#4c1d95"),
    TaskStatus.COMPLETED: ("#bbf7d0", "#14532d"),
    TaskStatus.FAILED: ("#fecaca", "#7f1d1d"),
    TaskStatus.SKIPPED: ("#f3f4f6", "#6b7280"),
    TaskStatus.CANCELLED: ("#fed7aa", "#7c2d12"),
}
"""Fill and text colour by state; both are set, so that it reads on a light and on a dark page."""


def mermaid(plan: Plan, graph: PlanGraph, statuses: Mapping[str, TaskStatus] | None = None) -> str:
    """The flowchart's source.

    A solid arrow means that output is used or success is needed, a dotted one that only the end is awaited (`when`,
    `after`), and a dashed one that a fallback stands in. A fan-out has double sides, a fallback round ends.

    Args:
        plan: The plan with its effective fields.
        graph: Its graph.
        statuses: State by task id, for the colours; a task that is left out is pending. `None` and no states at all
            draw without colours.
    """
    tasks = {task.id: task for task in plan.tasks}
    lines = ["flowchart TD"]
    lines += [f"    {_node(tasks[name], is_fallback=name in graph.fallback_for)}" for name in graph.order]
    arrows = list(_arrows(graph))
    lines += [f"    {arrow}" for arrow, _ in arrows]
    fallbacks = [str(place) for place, (_, is_fallback) in enumerate(arrows) if is_fallback]
    if fallbacks:
        lines.append(f"    linkStyle {','.join(fallbacks)} stroke-dasharray:8 5")
    if statuses:
        lines += [f"    {line}" for line in _classes(graph.order, statuses)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text that is safe within a quoted label: `#` first, since the replacements hold it."""
    for character, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        text = text.replace(character, entity)
    return text


def _node(task: AgentTask, *, is_fallback: bool) -> str:
    label = _label(task)
    if task.for_each is not None:
        return f't_{task.id}[["{label}"]]'
    return f't_{task.id}(["{label}"])' if is_fallback else f't_{task.id}["{label}"]'


def _label(task: AgentTask) -> str:
    """The id, and who works on it if that is said."""
    who = task.agent if task.kind == "agent" else task.kind
    lines = [task.id, *([who] if who else [])]
    return "<br/>".join(escaped(_cut(line)) for line in lines)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LABEL_CHARS else line[: MAX_LABEL_CHARS - 1] + "…"


def _arrows(graph: PlanGraph) -> Iterable[tuple[str, bool]]:
    """Every arrow, and whether it leads to a fallback."""
    rank = {name: place for place, name in enumerate(graph.order)}
    for name in graph.order:
        edges = graph.edges[name]
        owners = graph.fallback_for.get(name, ())
        for other in sorted(edges.all - frozenset(owners), key=rank.__getitem__):
            if other in edges.needs:
                yield f"t_{other} --> t_{name}", False
            else:
                word = "when" if other in edges.observes else "after"
                yield f't_{other} -.->|"{word}"| t_{name}', False
        for owner in owners:
            yield f't_{owner} -.->|"fallback"| t_{name}', True


def _classes(order: Iterable[str], statuses: Mapping[str, TaskStatus]) -> Iterable[str]:
    """One class per state that occurs, and the tasks in it."""
    by_status: dict[TaskStatus, list[str]] = {}
    for name in order:
        by_status.setdefault(statuses.get(name, TaskStatus.PENDING), []).append(name)
    for status in TaskStatus:
        if status in by_status:
            fill, colour = COLOURS[status]
            yield f"classDef {status.value} fill:{fill},color:{colour},stroke:{colour}"
            yield f"class {','.join(f't_{name}' for name in by_status[status])} {status.value}"
