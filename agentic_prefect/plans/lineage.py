"""Whose finished work the tasks of a run may take over."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.plans.graph import PlanGraph
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.progress import split_name


@dataclass(frozen=True, slots=True)
class Lineage:
    """The id under which the results of each task are kept, shared by the runs that go on from one another."""

    root: str
    """The id of the first run."""
    renewed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Task id, or `id[index]` -> the id that takes the root's place."""

    def of(self, name: str) -> str:
        """The lineage of a task, or of an item of a fan-out."""
        return self.renewed.get(name) or self.renewed.get(split_name(name)[0]) or self.root


def lineage_of(root: str, renewed: Mapping[str, str], graph: PlanGraph) -> Lineage:
    """The lineage of every task of a plan.

    Args:
        root: The id of the first run.
        renewed: Points (`id` or `id[index]`) from which on everything was done anew -> since which run. Points that the
            plan no longer has are left out.
        graph: The plan's.
    """
    every: dict[str, str] = {}
    for point, since in renewed.items():
        task_id, _ = split_name(point)
        if task_id in graph.edges:
            every |= dict.fromkeys([point, *after(task_id, graph)], since)
    return Lineage(root, every)


def after(task_id: str, graph: PlanGraph) -> frozenset[str]:
    """Everything that comes after a task, directly or not: what waits for it, and its fallbacks."""
    found: set[str] = set()
    left = [task_id]
    while left:
        name = left.pop()
        owners = graph.fallback_for.get(name, ())
        following = {
            *graph.dependents[name],
            *(fallback for fallback, tasks in graph.fallback_for.items() if name in tasks),
            # What waits for a task takes the output of its fallback.
            *(each for owner in owners for each in graph.dependents[owner]),
        }
        left.extend(following - found)
        found |= following
    return frozenset(found - {task_id})


def require_point(point: str, graph: PlanGraph) -> None:
    """Make sure that a plan has a task.

    Raises:
        PlanInvalid: It does not.
    """
    task_id, _ = split_name(point)
    if task_id not in graph.edges:
        known = tuple(graph.order)
        hint = did_you_mean(task_id, known)
        raise PlanInvalid(
            f"The plan has no task {point!r}. {f'{hint} ' if hint else ''}Its tasks: {listing(known)}; an item of a "
            f"fan-out is `id[index]`."
        )
