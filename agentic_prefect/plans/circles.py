"""Tasks that wait for each other in a circle."""

from collections import deque
from collections.abc import Mapping, Set
from dataclasses import dataclass

from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.edges import Edges, fallbacks_of

MOST_CIRCLES = 10
"""No more are reported at once."""


@dataclass(frozen=True, slots=True)
class Circle:
    """Tasks of which each waits for the next, and the last for the first."""

    members: tuple[str, ...]
    through_fallback: bool = False
    """Whether one of the steps is that a task is settled only when its fallback is, or that a fallback starts only
    when the task it stands in for has failed."""

    def __str__(self) -> str:
        path = " -> ".join([*self.members, self.members[0]])
        if self.through_fallback:
            return f"a fallback could never run, since the tasks wait for each other: {path}"
        return f"the tasks wait for each other in a circle: {path}"


def circles_in(plan: Plan, edges: Mapping[str, Edges], owners: Mapping[str, tuple[str, ...]]) -> tuple[Circle, ...]:
    """Every knot of tasks that could never start or end, as one circle each, in the plan's order.

    Three kinds are told apart: plain edges; edges together with "a task is settled when its fallbacks are"; and edges
    together with "a fallback starts after the tasks it stands in for".

    Args:
        plan: The effective plan.
        edges: Its edges; ids that the plan does not have are passed over.
        owners: Fallback id -> the tasks it stands in for.
    """
    known = {task.id: task for task in plan.tasks}
    plain = {name: edges[name].all & known.keys() for name in known}
    settling = {
        name: (plain[name] - frozenset(owners.get(name, ()))) | (frozenset(fallbacks_of(task)) & known.keys())
        for name, task in known.items()
    }
    starting = {name: plain[name] | (frozenset(owners.get(name, ())) & known.keys()) for name in known}
    # A fallback may look at what it stands in for. If that made a circle, `starting` would show it.
    plain = {name: waits - frozenset(owners.get(name, ())) for name, waits in plain.items()}
    found: list[Circle] = []
    for waits, through_fallback in ((plain, False), (settling, True), (starting, True)):
        for members in _disjoint_circles(waits):
            if not any(_is_covered(members, earlier) for earlier in found):
                found.append(Circle(members, through_fallback))
    return tuple(found)


def _is_covered(members: tuple[str, ...], earlier: Circle) -> bool:
    """Whether a circle says nothing that the earlier one does not."""
    return members == earlier.members or (len(earlier.members) > 1 and set(earlier.members) <= set(members))


def _disjoint_circles(waits: Mapping[str, Set[str]]) -> tuple[tuple[str, ...], ...]:
    """Circles without common members, at most `MOST_CIRCLES`: the shortest through the first task that is on one."""
    found: list[tuple[str, ...]] = [(name,) for name, others in waits.items() if name in others]
    left: dict[str, Set[str]] = {name: others - {name} for name, others in waits.items()}
    while len(found) < MOST_CIRCLES and (left := _peeled(left)):
        members = next((circle for name in left if (circle := _shortest_circle(left, name))), None)
        if members is None:
            break
        found.append(members)
        left = {name: others - set(members) for name, others in left.items() if name not in members}
    return tuple(found)


def _peeled(waits: Mapping[str, Set[str]]) -> dict[str, Set[str]]:
    """What is left when tasks that wait for nothing are taken away again and again."""
    dependents: dict[str, list[str]] = {name: [] for name in waits}
    for name, others in waits.items():
        for other in others:
            dependents[other].append(name)
    open_edges = {name: len(others) for name, others in waits.items()}
    free = deque(name for name, count in open_edges.items() if count == 0)
    gone: set[str] = set()
    while free:
        name = free.popleft()
        gone.add(name)
        for dependent in dependents[name]:
            open_edges[dependent] -= 1
            if open_edges[dependent] == 0:
                free.append(dependent)
    return {name: others - gone for name, others in waits.items() if name not in gone}


def _shortest_circle(waits: Mapping[str, Set[str]], start: str) -> tuple[str, ...] | None:
    """The shortest way from a task back to itself; `None` when there is none."""
    came_from: dict[str, str] = {}
    queue = deque([start])
    while queue:
        name = queue.popleft()
        for other in sorted(waits[name]):
            if other == start:
                path = [name]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return tuple(reversed(path))
            if other not in came_from:
                came_from[other] = name
                queue.append(other)
    return None
