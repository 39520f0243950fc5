"""How a plan ended, and what it hands out."""

from typing import Any

from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.plans.expressions import ExpressionError, Scope, evaluate
from agentic_prefect.plans.progress import (
    Blueprint,
    Progress,
)
from agentic_prefect.plans.views import Views, is_lost

MOST_TOLD = 5
"""How many failures are told one by one."""


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
    """The tasks whose failure counts, in the plan's order."""
    return tuple(task.id for task in blueprint.plan.tasks if is_lost(blueprint, progress, task.id))


def told(result: PlanResult) -> str:
    """How a plan ended, in one sentence: how many tasks ended how, why, and what a failure that did not count was.

    Such as `2 completed, 1 failed: 'write' failed and 'short' stood in for it.`
    """
    counts = ", ".join(f"{count} {status.value}" for status, count in result.counts.items())
    why = "; ".join(part for part in (_passed_over(result) if result.successful else "", result.reason) if part)
    return f"{': '.join(part for part in (counts, why) if part)}."


def _passed_over(result: PlanResult) -> str:
    """The failures that did not keep a plan from completing, and why not."""
    failed = [
        name
        for name, each in result.results.items()
        if each.status is TaskStatus.FAILED
        and "[" not in name
        and not any(other.relation == "fallback_for" for other in each.related)
    ]
    stand_ins = {name: result.result_of(name).task_id for name in failed[:MOST_TOLD]}
    sentences = [
        f"{name!r} failed and {other!r} stood in for it" if other != name else f"{name!r} failed, which was let pass"
        for name, other in stand_ins.items()
    ]
    if len(failed) > MOST_TOLD:
        sentences.append(f"{len(failed) - MOST_TOLD} more failures did not count")
    return "; ".join(sentences)


def plan_output(blueprint: Blueprint, progress: Progress) -> tuple[Any, str]:
    """What the plan's `result` says, and why it could not be worked out if it could not.

    A plan without `result` hands out the output of its last task, or a mapping if several tasks are last.
    """
    views = Views(blueprint, progress)
    if blueprint.plan.result is not None:
        try:
            return evaluate(blueprint.plan.result, Scope(blueprint.inputs, views, previous=blueprint.previous)), ""
        except ExpressionError as error:
            return None, str(error)
    graph = blueprint.graph
    last = frozenset(graph.leaves)
    leaves = [task.id for task in blueprint.plan.tasks if task.id in last]
    if len(leaves) == 1:
        return views[leaves[0]].output, ""
    return {leaf: views[leaf].output for leaf in leaves}, ""
