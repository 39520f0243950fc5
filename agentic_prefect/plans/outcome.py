"""How a plan ended, and what it hands out."""

from typing import Any

from agentic_prefect.models.policy import Continue
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.plans.expressions import ExpressionError, Scope, evaluate
from agentic_prefect.plans.progress import Blueprint, Progress, Views, failure_action


def plan_status(blueprint: Blueprint, progress: Progress) -> tuple[PlanStatus, str]:
    """The status of a plan that is done, and the reason unless it completed.

    A failure that a fallback covers, whose task says `continue`, or that a person let pass, does not count.
    """
    if progress.halt is not None:
        return (PlanStatus.CANCELLED if progress.halt.cancelled else PlanStatus.FAILED), progress.halt.reason
    failed = uncovered_failures(blueprint, progress)
    if not failed:
        return PlanStatus.COMPLETED, ""
    names = ", ".join(repr(name) for name in failed)
    reason = f"{names} failed and nothing stands in for {'it' if len(failed) == 1 else 'them'}"
    any_success = any(result.success for result in progress.results.values())
    return (PlanStatus.PARTIAL_FAILURE if any_success else PlanStatus.FAILED), reason


def uncovered_failures(blueprint: Blueprint, progress: Progress) -> tuple[str, ...]:
    """The tasks whose failure counts, in the plan's order. A fallback's own failure is that of the task it serves."""
    return tuple(
        task.id
        for task in blueprint.plan.tasks
        if (result := progress.results.get(task.id)) is not None
        and result.status is TaskStatus.FAILED
        and task.id not in progress.covers
        and task.id not in progress.tolerated
        and not isinstance(failure_action(blueprint, task.id, result), Continue)
        and not blueprint.graph.fallback_for.get(task.id)
    )


def plan_output(blueprint: Blueprint, progress: Progress) -> tuple[Any, str]:
    """What the plan's `result` says, and why it could not be worked out if it could not.

    A plan without `result` hands out the output of its last task, or a mapping if several tasks are last.
    """
    views = Views(blueprint, progress)
    if blueprint.plan.result is not None:
        try:
            return evaluate(blueprint.plan.result, Scope(blueprint.inputs, views)), ""
        except ExpressionError as error:
            return None, str(error)
    graph = blueprint.graph
    last = frozenset(graph.leaves)
    leaves = [task.id for task in blueprint.plan.tasks if task.id in last]
    if len(leaves) == 1:
        return views[leaves[0]].output, ""
    return {leaf: views[leaf].output for leaf in leaves}, ""
