"""Why each task of a finished run went the way it did, told from its plan and its history. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from agentic_prefect.models.history import Resolution, TaskEntry
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.graph import PlanGraph, build_graph
from agentic_prefect.policies.effective import effective_plan

_CONSEQUENCES: Mapping[Resolution, str] = {
    "retry": "it was tried again",
    "model": "it was tried with another model",
    "fallback": "a fallback was tried in its place",
    "human": "a person decided what follows",
    "continue": "the plan went on with a null in its place",
    "none": "what needs its output was skipped",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """What became of one task, and why."""

    task_id: str
    status: TaskStatus
    why: str


def reasons(plan: Plan, entries: Mapping[str, TaskEntry]) -> tuple[Reason, ...]:
    """One for each task, in the order in which they could run.

    Args:
        plan: The plan as it ran.
        entries: What is recorded of the run's tasks, by their id; items of a fan-out are `id[index]`.

    Raises:
        PlanInvalid: The plan has a circle, or refers to a task that it does not have.
    """
    effective = effective_plan(plan)
    graph = build_graph(effective)
    tasks = {task.id: task for task in effective.tasks}
    return tuple(_reason(tasks[name], graph, entries) for name in graph.order)


def _reason(task: AgentTask, graph: PlanGraph, entries: Mapping[str, TaskEntry]) -> Reason:
    entry = entries.get(task.id)
    if entry is None:
        return Reason(task.id, TaskStatus.PENDING, "Nothing is recorded of it: the run ended before its turn came.")
    if entry.status is TaskStatus.SKIPPED:
        return Reason(task.id, entry.status, _sentence(entry.reason or "skipped, no reason is recorded"))
    said = [_beginning(task, graph, entries), *_work(task, entry, entries), *_end(task, entry, graph, entries)]
    return Reason(task.id, entry.status, " ".join(map(_sentence, said)))


def _beginning(task: AgentTask, graph: PlanGraph, entries: Mapping[str, TaskEntry]) -> str:
    """Why it was its turn."""
    failed = [name for name in graph.fallback_for.get(task.id, ()) if _ended(name, entries, TaskStatus.FAILED)]
    if failed:
        named = ", ".join(f"{name!r}, which failed ({entries[name].code})" for name in failed)
        return f"stood in for {named}"
    before = [name for name in graph.order if name in graph.edges[task.id].all]
    told = ", ".join(f"{name!r} ({entries[name].status.replace('_', ' ')})" for name in before if name in entries)
    start = f"started after {told}" if told else "started at once: it waits for nothing"
    return f"{start}, and its condition held: {task.when}" if task.when is not None else start


def _work(task: AgentTask, entry: TaskEntry, entries: Mapping[str, TaskEntry]) -> list[str]:
    """What was done."""
    said: list[str] = []
    if task.for_each is not None:
        items = sum(name.startswith(f"{task.id}[") for name in entries)
        said.append(f"its list had {items} item{'' if items == 1 else 's'}")
    if entry.cached:
        said.append("the stored result of an earlier run was used")
    elif entry.attempts > 1:
        said.append(f"it took {entry.attempts} attempts")
    return said


def _end(task: AgentTask, entry: TaskEntry, graph: PlanGraph, entries: Mapping[str, TaskEntry]) -> list[str]:
    """What followed."""
    match entry.status:
        case TaskStatus.FAILED:
            tried = [
                name
                for name, owners in graph.fallback_for.items()
                if task.id in owners and name in entries and entries[name].status is not TaskStatus.SKIPPED
            ]
            followed = f"{', '.join(map(repr, tried))} was tried in its place" if tried else None
            return [f"it failed for good ({entry.code}); {followed or _CONSEQUENCES[entry.resolution or 'none']}"]
        case TaskStatus.COMPLETED:
            return ["a person decided about a failure of it"] if entry.resolution == "human" else []
        case TaskStatus.CANCELLED:
            return [entry.reason or "it was cancelled"]
        case _:
            return ["it had not come to an end"]


def _ended(name: str, entries: Mapping[str, TaskEntry], status: TaskStatus) -> bool:
    return name in entries and entries[name].status is status


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[0].upper()}{text[1:].rstrip('.')}."
