"""The tasks of a plan as others see them, and what their failures lead to."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from agentic_prefect.models.policy import Continue, FailureAction, LastAction
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.plans.expressions import TaskView
from agentic_prefect.plans.progress import Blueprint, Progress, item_name
from agentic_prefect.policies.failure import action_after, last_action


def failure_action(blueprint: Blueprint, task_id: str, result: TaskResult) -> FailureAction | None:
    """What follows the failure of a task; `None` when it did not fail."""
    return action_after(blueprint.tasks[task_id], result.error) if result.error is not None else None


def final_action(blueprint: Blueprint, task_id: str, result: TaskResult) -> LastAction | None:
    """What holds when a task has failed and so has whatever was tried in its place; `None` when it did not fail."""
    action = failure_action(blueprint, task_id, result)
    return None if action is None else last_action(action)


def is_lost(blueprint: Blueprint, progress: Progress, task_id: str) -> bool:
    """Whether a task failed, nothing stands in for it, and nobody said that the plan may do without.

    A fallback's own failure is that of the task it serves.
    """
    result = progress.results.get(task_id)
    return (
        result is not None
        and result.status is TaskStatus.FAILED
        and task_id not in progress.covers
        and task_id not in progress.tolerated
        and not isinstance(final_action(blueprint, task_id, result), Continue)
        and not blueprint.graph.fallback_for.get(task_id)
    )


class Views(Mapping[str, TaskView]):
    """The tasks of a plan as expressions see them, worked out when one is looked at."""

    def __init__(self, blueprint: Blueprint, progress: Progress) -> None:
        self._blueprint, self._progress = blueprint, progress

    def __getitem__(self, task_id: str) -> TaskView:
        return view(self._blueprint, self._progress, task_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._blueprint.tasks)

    def __len__(self) -> int:
        return len(self._blueprint.tasks)


def view(blueprint: Blueprint, progress: Progress, task_id: str) -> TaskView:
    """One task as expressions see it: a fallback's output counts as its own.

    Raises:
        KeyError: The plan has no such task.
    """
    task, own = blueprint.tasks[task_id], progress.results.get(task_id)
    result = progress.results.get(progress.covers.get(task_id, task_id))
    status = (own.status if own else TaskStatus.PENDING).value
    error = own.error if own else None
    output: Any = result.output if result and result.success else None
    if task.for_each is not None and own is not None and own.success and isinstance(own.output, list):
        given = cast("list[Any]", own.output)  # pyright: ignore[reportUnknownMemberType]
        return TaskView(given, given, status, None, len(given), 0, 0)
    if task.for_each is not None and task_id in progress.fans and task_id not in progress.covers:
        items = [progress.results.get(item_name(task_id, i)) for i in range(len(progress.fans[task_id].items))]
        outputs = [item.output if item and item.success else None for item in items]
        states = [item.status if item else TaskStatus.PENDING for item in items]
        done, bad, left_out = (
            states.count(status) for status in (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.SKIPPED)
        )
        return TaskView(outputs, outputs, status, error, done, bad, left_out)
    success = bool(result and result.success)
    failed = bool(own and own.status is TaskStatus.FAILED and not success)
    return TaskView(output, [output], status, error, success, failed, bool(own and own.skipped))


def is_available(blueprint: Blueprint, progress: Progress, task_id: str) -> bool:
    """Whether a dependent of a settled task can go on: it has an output, its own or a fallback's, or may do without."""
    result = progress.results[task_id]
    if result.success or task_id in progress.covers or task_id in progress.tolerated:
        return True
    return isinstance(final_action(blueprint, task_id, result), Continue)
