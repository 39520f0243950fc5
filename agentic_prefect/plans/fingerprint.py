"""What tells one state of a plan from another."""

import hashlib
import json
from collections.abc import Callable

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.written import plain_plan

MAX_NESTING = 20
"""Sub-plans within each other; more than that is taken for a circle."""


def plan_hash(plan: Plan) -> str:
    """SHA-256 of what was set in the plan, as 64 hexadecimal digits; the form it is written in does not matter."""
    content = json.dumps(plain_plan(plan), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def whole_plan(plan: Plan, find: Callable[[str], Plan], *, nesting: int = 0) -> Plan:
    """The plan with its sub-plans inside of it, so that it can be taken to where their files are not.

    Args:
        plan: The plan.
        find: Gives the plan that a task names.
        nesting: How many plans this one is in.

    Raises:
        PlanInvalid: A sub-plan is not there, or they go round in circles.
    """
    if nesting > MAX_NESTING:
        raise PlanInvalid(
            f"Sub-plans are nested deeper than {MAX_NESTING}; plan {plan.name!r} seems to contain itself."
        )

    def with_plan(task: AgentTask) -> AgentTask:
        if not isinstance(task.plan, str):
            return task
        inner = whole_plan(find(task.plan), find, nesting=nesting + 1)
        return task.model_copy(update={"plan": plain_plan(inner)})

    if not any(isinstance(task.plan, str) for task in plan.tasks):
        return plan
    return plan.model_copy(update={"tasks": tuple(map(with_plan, plan.tasks))})
