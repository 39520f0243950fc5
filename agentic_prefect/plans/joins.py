"""Whether a task whose predecessors are settled runs, is spread over a list, or is skipped."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from agentic_prefect.models.status import TaskStatus
from agentic_prefect.plans.expressions import ExpressionError, Scope, evaluate
from agentic_prefect.plans.progress import (
    Blueprint,
    Progress,
)
from agentic_prefect.plans.views import Views, is_available


@dataclass(frozen=True, slots=True)
class Open:
    """The task may run."""

    fault: str = ""
    """Why it can only fail; empty when it can run."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The task runs once per item."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """The task is skipped."""

    reason: str
    cause: str | None
    """The task at the root of it; `None` when its own condition was false."""


def open_task(blueprint: Blueprint, progress: Progress, task_id: str) -> Open | Spread | Blocked:
    """What becomes of a task now that everything it waited for is settled."""
    task, edges = blueprint.tasks[task_id], blueprint.graph.edges[task_id]
    for needed in sorted(edges.needs, key=blueprint.rank.__getitem__):
        if not is_available(blueprint, progress, needed):
            return _blocked_by(progress, needed)
    scope = Scope(blueprint.inputs, Views(blueprint, progress), previous=blueprint.previous)
    try:
        if task.when is not None and not evaluate(task.when, scope):
            condition = f": {task.when}" if isinstance(task.when, str) else ""
            return Blocked(f"its `when` is false{condition}", None)
        if task.for_each is None:
            return Open()
        items: object = evaluate(task.for_each, scope)
    except ExpressionError as error:
        return Open(fault=str(error))
    if isinstance(items, list | tuple):
        return Spread(tuple(cast("Sequence[Any]", items)))
    given = f"{type(items).__name__}: {str(items)[:80]!r}"
    return Open(fault=f"`for_each` of {task_id!r} must give a list, got {given}.")


def _blocked_by(progress: Progress, needed: str) -> Blocked:
    """The reason names what is needed and, if that was skipped itself, the task at the root of it."""
    result = progress.results[needed]
    if result.status is not TaskStatus.SKIPPED:
        return Blocked(f"it needs {needed!r}, which {_fate(result.status)}", needed)
    root = progress.causes.get(needed)
    why = f"because of {root!r}" if root else f"because {result.reason}"
    return Blocked(f"it needs {needed!r}, which was skipped {why}", root or needed)


def _fate(status: TaskStatus) -> str:
    return "was cancelled" if status is TaskStatus.CANCELLED else "failed"
