"""What the nodes of a run consumed, also over a suspension. Pure."""

from collections.abc import Mapping

from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.suspension import Suspension
from agentic_prefect.models.usage import Usage
from agentic_prefect.plans.progress import Blueprint, split_name


def paid(blueprint: Blueprint, results: Mapping[str, TaskResult]) -> Mapping[str, Usage]:
    """What a run consumed, by task or item. A fan-out is its items; a stored result cost nothing again."""
    return {
        name: result.usage
        for name, result in results.items()
        if not result.cached and not (name in blueprint.tasks and blueprint.tasks[name].for_each is not None)
    }


def total(blueprint: Blueprint, results: Mapping[str, TaskResult]) -> Usage:
    """What a run consumed in all."""
    return sum(paid(blueprint, results).values(), Usage())


def to_keep(
    blueprint: Blueprint, results: Mapping[str, TaskResult], failures: Mapping[str, tuple[TaskResult | None, ...]]
) -> dict[str, Usage]:
    """What the nodes that are done consumed; those whose last run failed are kept with that failure."""
    return {
        name: usage
        for name, usage in paid(blueprint, results).items()
        if usage != Usage() and failures.get(name, (None,))[-1] is None
    }


def taken_up(name: str, result: TaskResult, before: Suspension) -> TaskResult:
    """The result of a node with what this run had consumed for it before it was suspended.

    What is stored was then paid by this run itself. What is stored no more was done, and paid, once more.
    """
    usage = before.usage.get(name)
    if usage is None:
        return result
    if result.cached:
        return result.model_copy(update={"cached": False, "usage": usage})
    return result.model_copy(update={"usage": usage + result.usage})


def by_task(before: Suspension) -> Mapping[str, Usage]:
    """What each task, with its items, consumed before the run was suspended."""
    spent: dict[str, Usage] = {}
    for name in {**before.failures, **before.usage}:
        usage = before.usage.get(name) or _of_failures(before.failures[name])
        task_id = split_name(name)[0]
        spent[task_id] = spent.get(task_id, Usage()) + usage
    return spent


def _of_failures(ends: tuple[TaskResult | None, ...]) -> Usage:
    """A failure's usage holds that of the tries before it."""
    return next((end.usage for end in reversed(ends) if end is not None), Usage())
