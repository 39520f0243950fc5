"""A plan as a graph: what waits for what, in which order, and how long that takes."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.circles import circles_in
from agentic_prefect.plans.edges import Edges, all_edges
from agentic_prefect.plans.names import did_you_mean, listing


@dataclass(frozen=True, slots=True)
class GraphStats:
    """The size and form of a graph."""

    tasks: int
    edges: int
    """Pairs of tasks of which one waits for the other; a fallback's tie to what it stands in for is not counted."""
    roots: tuple[str, ...]
    leaves: tuple[str, ...]
    depth: int
    fan_in: int
    """The most tasks that one task waits for."""
    fan_out: int
    """The most tasks that wait for one task."""

    def __str__(self) -> str:
        return (
            f"{self.tasks} tasks, {self.edges} edges, depth {self.depth}, fan-in {self.fan_in}, "
            f"fan-out {self.fan_out}; roots: {listing(self.roots)}; leaves: {listing(self.leaves)}"
        )


@dataclass(frozen=True)
class PlanGraph:
    """The graph of a plan that has no circles."""

    edges: Mapping[str, Edges]
    dependents: Mapping[str, tuple[str, ...]]
    """Task id -> the tasks that wait for it, for whatever reason, in the plan's order. A fallback does not count as
    waiting for what it stands in for."""
    fallback_for: Mapping[str, tuple[str, ...]]
    """Fallback id -> the tasks whose chains name it."""
    order: tuple[str, ...]
    """Every task after all that it waits for, fallbacks after what they stand in for; else in the plan's order."""

    @property
    def roots(self) -> tuple[str, ...]:
        """The tasks that wait for nothing. Fallbacks, which wait to be called upon, are not among them."""
        return tuple(name for name in self.order if not self._before[name])

    @property
    def leaves(self) -> tuple[str, ...]:
        """The tasks that nothing waits for, fallbacks left out."""
        return tuple(name for name in self.order if not self.dependents[name] and name not in self.fallback_for)

    @cached_property
    def levels(self) -> Mapping[str, int]:
        """How many tasks at least come before each task, one after the other; 0 for a root."""
        levels: dict[str, int] = {}
        for name in self.order:
            levels[name] = max((levels[other] + 1 for other in self._before[name]), default=0)
        return levels

    @property
    def depth(self) -> int:
        """How many tasks the longest chain has."""
        return max(self.levels.values()) + 1

    @property
    def fan_in(self) -> Mapping[str, int]:
        """How many tasks each task waits for."""
        return {name: len(self.edges[name].all) for name in self.order}

    @property
    def stats(self) -> GraphStats:
        """The size and form of the graph."""
        fan_in = self.fan_in
        fan_out = {name: len(dependents) for name, dependents in self.dependents.items()}
        return GraphStats(
            tasks=len(self.order),
            edges=sum(fan_in.values()),
            roots=self.roots,
            leaves=self.leaves,
            depth=self.depth,
            fan_in=max(fan_in.values()),
            fan_out=max(fan_out.values()),
        )

    def critical_path(self, durations_s: Mapping[str, float]) -> tuple[tuple[str, ...], float]:
        """The chain of tasks that takes longest, and its seconds.

        Args:
            durations_s: Seconds by task id. A task that is left out, such as one that was skipped, takes none.
        """
        ends: dict[str, float] = {}
        previous: dict[str, str | None] = {}
        for name in self.order:
            before = max(self._before[name], key=ends.__getitem__, default=None)
            previous[name] = before
            ends[name] = durations_s.get(name, 0.0) + (ends[before] if before is not None else 0.0)
        last: str | None = max(self.order, key=ends.__getitem__)
        seconds, path = ends[last], list[str]()
        while last is not None:
            path.append(last)
            last = previous[last]
        return tuple(reversed(path)), seconds

    @cached_property
    def _before(self) -> Mapping[str, tuple[str, ...]]:
        """Everything that comes before each task, what a fallback stands in for included, in a fixed order."""
        return {
            name: tuple(sorted(self.edges[name].all | frozenset(self.fallback_for.get(name, ()))))
            for name in self.order
        }


def build_graph(plan: Plan) -> PlanGraph:
    """The graph of a plan whose tasks carry their effective fields.

    Raises:
        PlanInvalid: Tasks wait for each other in a circle, or for one that the plan does not have.
    """
    edges, fallback_for = all_edges(plan)
    _refuse_dangling(edges, fallback_for)
    circles = circles_in(plan, edges, fallback_for)
    if circles:
        raise PlanInvalid(f"Plan {plan.name!r} cannot run: {'; '.join(str(circle) for circle in circles)}.")
    rank = {task.id: place for place, task in enumerate(plan.tasks)}
    dependents: dict[str, list[str]] = {name: [] for name in rank}
    followers: dict[str, list[str]] = {name: [] for name in rank}
    for name in rank:
        owners = fallback_for.get(name, ())
        for other in edges[name].all:
            if other not in owners:
                dependents[other].append(name)
        for other in edges[name].all | frozenset(owners):
            followers[other].append(name)
    return PlanGraph(
        edges=edges,
        dependents={name: tuple(names) for name, names in dependents.items()},
        fallback_for=fallback_for,
        order=_order(followers, rank),
    )


def _order(followers: Mapping[str, list[str]], rank: Mapping[str, int]) -> tuple[str, ...]:
    """A topological order; of the tasks that could come next, the one that stands first in the plan does."""
    names = list(rank)
    open_edges = dict.fromkeys(names, 0)
    for others in followers.values():
        for other in others:
            open_edges[other] += 1
    free = [rank[name] for name in names if open_edges[name] == 0]
    order: list[str] = []
    while free:
        name = names[heapq.heappop(free)]
        order.append(name)
        for other in followers[name]:
            open_edges[other] -= 1
            if open_edges[other] == 0:
                heapq.heappush(free, rank[other])
    return tuple(order)


def _refuse_dangling(edges: Mapping[str, Edges], fallback_for: Mapping[str, tuple[str, ...]]) -> None:
    dangling = [(name, other) for name, incoming in edges.items() for other in sorted(incoming.all - edges.keys())]
    dangling += [(owners[0], name) for name, owners in fallback_for.items() if name not in edges]
    if dangling:
        name, unknown = dangling[0]
        raise PlanInvalid(
            f"Task {name!r} refers to {unknown!r}, which the plan does not have. "
            f"It has: {listing(edges)}. {did_you_mean(unknown, edges)}".strip()
        )
