"""Changes to a plan before it runs. Each gives a new plan and leaves the old one as it was."""

from collections.abc import Iterable

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.edges import edges_of, fallbacks_of
from agentic_prefect.plans.expressions import references
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.policies.effective import effective_plan


def add_task(plan: Plan, task: AgentTask, *, before: Iterable[str] = ()) -> Plan:
    """The plan with one more task.

    Args:
        plan: The plan as it was written.
        task: The new task; what it waits for is said by its own fields.
        before: Tasks that need the new one from then on.

    Raises:
        PlanInvalid: The id is taken, a task is unknown, or a circle would arise.
    """
    if any(other.id == task.id for other in plan.tasks):
        raise PlanInvalid(f"Plan {plan.name!r} has a task {task.id!r} already. Give the new one another id.")
    later = {_known(plan, name) for name in before}
    tasks = (_needing(other, task.id) if other.id in later else other for other in plan.tasks)
    return _checked(plan, (*tasks, task))


def remove_task(plan: Plan, task_id: str) -> Plan:
    """The plan without a task. Tasks that waited for it (`depends_on`, `after`) wait for what it waited for.

    Raises:
        PlanInvalid: It is unknown, the only task, or others use its output or fall back to it.
    """
    removed = plan.task(_known(plan, task_id))
    users = [task.id for task in effective_plan(plan).tasks if task.id != task_id and _uses(task, task_id)]
    users += ["the plan's result"] if task_id in references(plan.result).tasks else []
    if users:
        raise PlanInvalid(f"Task {task_id!r} cannot be removed: it is used by {listing(users)}. Change those first.")
    if len(plan.tasks) == 1:
        raise PlanInvalid(f"Task {task_id!r} is the only one of plan {plan.name!r}; a plan has at least one task.")
    incoming = edges_of(removed)
    tasks = (
        task.model_copy(
            update={
                field: _replaced(getattr(task, field), task_id, inherited)
                for field, inherited in (("depends_on", incoming.needs), ("after", incoming.all))
                if task_id in getattr(task, field)
            }
        )
        for task in plan.tasks
        if task.id != task_id
    )
    return _checked(plan, tuple(tasks))


def rewire(
    plan: Plan, task_id: str, *, depends_on: Iterable[str] | None = None, after: Iterable[str] | None = None
) -> Plan:
    """The plan with other edges into a task. What its expressions refer to stays.

    Args:
        plan: The plan as it was written.
        task_id: Which task.
        depends_on: The tasks it shall need; `None` leaves them.
        after: The tasks it shall come after; `None` leaves them.

    Raises:
        PlanInvalid: A task is unknown, or a circle would arise.
    """
    wanted = {
        field: tuple(names) for field, names in (("depends_on", depends_on), ("after", after)) if names is not None
    }
    ids = {task.id for task in plan.tasks}
    dangling = [f"{name} -> {task_id}" for names in wanted.values() for name in names if not {name, task_id} <= ids]
    if dangling:
        tasks = listing(sorted(ids))
        raise PlanInvalid(f"Plan {plan.name!r} cannot have the edge {listing(dangling)}: it has the tasks {tasks}.")
    _known(plan, task_id)
    return _checked(plan, tuple(task.model_copy(update=wanted) if task.id == task_id else task for task in plan.tasks))


def _checked(plan: Plan, tasks: tuple[AgentTask, ...]) -> Plan:
    changed = plan.model_copy(update={"tasks": tasks})
    build_graph(effective_plan(changed))
    return changed


def _known(plan: Plan, task_id: str) -> str:
    ids = [task.id for task in plan.tasks]
    if task_id not in ids:
        hint = did_you_mean(task_id, ids)
        raise PlanInvalid(f"Plan {plan.name!r} has no task {task_id!r}. It has: {listing(ids)}. {hint}".strip())
    return task_id


def _needing(task: AgentTask, task_id: str) -> AgentTask:
    return task.model_copy(update={"depends_on": (*task.depends_on, task_id)})


def _uses(task: AgentTask, task_id: str) -> bool:
    """Whether the task refers to the other one in an expression, or falls back to it."""
    bare = task.model_copy(update={"depends_on": (), "after": ()})
    return task_id in edges_of(bare).all or task_id in fallbacks_of(task)


def _replaced(names: tuple[str, ...], task_id: str, inherited: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*(name for name in names if name != task_id), *sorted(inherited)]))
