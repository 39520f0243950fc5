"""How far a plan has come, what can happen to it, and what is to be done about it. All of it immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentic_prefect.models.intervention import Decision
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.policy import AskHuman
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.expressions import NO_PREVIOUS, PreviousRun, Scope
from agentic_prefect.plans.graph import PlanGraph, build_graph


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A plan that is ready to run: effective fields, graph and inputs."""

    plan: Plan
    graph: PlanGraph
    inputs: Mapping[str, Any]
    tasks: Mapping[str, AgentTask]
    rank: Mapping[str, int]
    """A task's place in the plan, from 0."""
    previous: PreviousRun = NO_PREVIOUS

    @classmethod
    def of(cls, plan: Plan, inputs: Mapping[str, Any], previous: PreviousRun = NO_PREVIOUS) -> "Blueprint":
        """The blueprint of a plan whose tasks carry their effective fields.

        Raises:
            PlanInvalid: The plan has a cycle.
        """
        tasks = {task.id: task for task in plan.tasks}
        rank = {task.id: place for place, task in enumerate(plan.tasks)}
        return cls(plan, build_graph(plan), inputs, tasks, rank, previous)


@dataclass(frozen=True, slots=True)
class FanOut:
    """A task that was spread over a list."""

    items: tuple[Any, ...]
    waiting: tuple[int, ...]
    """Indexes (from 0) that have not started."""
    running: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Chain:
    """The fallbacks that stand in for a failed task."""

    left: tuple[str, ...]
    """Those not tried yet."""
    current: str


@dataclass(frozen=True, slots=True)
class Halt:
    """Why nothing starts any more."""

    reason: str
    cancelled: bool = False
    """Whether somebody asked for it, as opposed to a failure that demands it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A task, or one item of it, that waits only for a free place."""

    task_id: str
    index: int | None = None
    fault: str = ""
    """Why it can only fail: an expression that could not be evaluated."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a plan has come."""

    results: Mapping[str, TaskResult] = field(default_factory=dict[str, TaskResult])
    """By task id, and by `id[index]` for items. A failed task whose fallback is at work has its result already."""
    settled: frozenset[str] = frozenset()
    """Tasks about which nothing will change any more."""
    opened: frozenset[str] = frozenset()
    """Tasks whose predecessors were settled, so that what becomes of them was decided."""
    running: frozenset[str] = frozenset()
    """Names of tasks and items in flight."""
    ready: tuple[Ready, ...] = ()
    fans: Mapping[str, FanOut] = field(default_factory=dict[str, FanOut])
    chains: Mapping[str, Chain] = field(default_factory=dict[str, Chain])
    covers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Failed task -> the fallback whose output stands in for its own."""
    causes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Skipped task -> the task at the root of it."""
    triggered: frozenset[str] = frozenset()
    """Fallback tasks that were called upon."""
    awaiting: frozenset[str] = frozenset()
    """Failed tasks about which a person is being asked; they are not settled and take up no place."""
    decisions: Mapping[str, tuple[Decision, ...]] = field(default_factory=dict[str, tuple[Decision, ...]])
    """What was decided about failed tasks, by task id."""
    edited: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Inputs that people gave in place of a task's own, by task id."""
    tolerated: frozenset[str] = frozenset()
    """Failed tasks of which a person said that what needs them goes on without."""
    halt: Halt | None = None

    def is_done(self, blueprint: Blueprint) -> bool:
        """Whether every task is settled and none is in flight."""
        return not self.running and len(self.settled) == len(blueprint.tasks)


@dataclass(frozen=True, slots=True)
class NodeEnded:
    """A task, or an item of one, came to its end."""

    name: str
    result: TaskResult


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Somebody wants the plan to stop."""

    reason: str


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The plan has taken as long as it may."""

    reason: str


@dataclass(frozen=True, slots=True)
class PersonDecided:
    """A person, or the deadline in their place, decided about a failed task."""

    task_id: str
    decision: Decision


Outcome = NodeEnded | CancelAsked | TimeUp | PersonDecided


@dataclass(frozen=True, slots=True)
class StartNode:
    """Run a task or an item of one."""

    name: str
    task_id: str
    index: int | None
    scope: Scope
    """What its expressions see."""
    waits_for: tuple[str, ...]
    """The tasks that it came after, for the drawing."""
    fallback_for: str | None = None
    fault: str = ""
    before: TaskResult | None = None
    """How it ended before a person asked for another try; `None` the first time."""
    comment: str = ""
    """What that person said; empty when they said nothing."""
    edited: tuple[Any, ...] = ()
    """The input that a person gave in place of its own; empty when nobody did."""


@dataclass(frozen=True, slots=True)
class ShowSkipped:
    """Make visible that a task was skipped."""

    result: TaskResult
    cause: str | None
    """The task at the root of it; `None` when a condition was false."""


@dataclass(frozen=True, slots=True)
class ShowFanOut:
    """Make visible that a task was spread over this many items."""

    task_id: str
    items: int
    again: bool = False
    """Whether a person asked for another try, so that this many items are tried again."""


@dataclass(frozen=True, slots=True)
class ShowJoined:
    """Make visible that all items of a task have ended."""

    result: TaskResult


@dataclass(frozen=True, slots=True)
class ShowFallback:
    """Make visible that another task is tried."""

    task_id: str
    fallback_id: str


@dataclass(frozen=True, slots=True)
class CancelRunning:
    """Cancel everything in flight."""

    reason: str


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Ask a person about a failed task."""

    task_id: str
    result: TaskResult
    policy: AskHuman
    number: int
    """Which question about this task it is, from 1."""


@dataclass(frozen=True, slots=True)
class ShowDecided:
    """Make visible how a task ended that a person was asked about."""

    result: TaskResult
    decision: Decision | None = None
    withdrawn: str = ""
    """Why the question is no longer asked; empty when it was answered."""


@dataclass(frozen=True, slots=True)
class ShowLost:
    """Make visible that a task failed for good and nothing stands in for it."""

    result: TaskResult


Action = (
    StartNode
    | ShowSkipped
    | ShowFanOut
    | ShowJoined
    | ShowFallback
    | CancelRunning
    | AskPerson
    | ShowDecided
    | ShowLost
)


def item_name(task_id: str, index: int) -> str:
    """The name of item `index` (from 0) of a fan-out."""
    return f"{task_id}[{index}]"


def split_name(name: str) -> tuple[str, int | None]:
    """The task's id and the item's index, if `name` means an item."""
    task_id, bracket, rest = name.partition("[")
    return task_id, int(rest[:-1]) if bracket else None
