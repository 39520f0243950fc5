"""What a plan names beside itself, looked up before it runs: other plans, functions, models."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from agentic_prefect.agents.importing import import_class
from agentic_prefect.agents.plain_call import function_named
from agentic_prefect.errors import ConnectionLost, PlanInvalid
from agentic_prefect.models.check import FunctionCheck
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.fingerprint import MAX_NESTING
from agentic_prefect.plans.load import load_plan
from agentic_prefect.plans.problems import PlanProblems, Problem
from agentic_prefect.plans.schemas import model_reference
from agentic_prefect.plans.validate import Known
from agentic_prefect.plans.validation.kinds import nested, sub_plans
from agentic_prefect.plans.validation.subject import Subject
from agentic_prefect.plans.written import plain_plan

Find = Callable[[str], Plan]


def with_named_plans(
    plan: Plan, find: Find, *, offline: bool, within: tuple[str, ...] = ()
) -> tuple[Plan, tuple[Problem, ...]]:
    """The plan with the sub-plans that it names inside of it, and what is wrong with those that cannot be read.

    A plan that names itself, directly or not, is named there and not looked up again.

    Args:
        plan: The plan.
        find: Gives the plan that a task names.
        offline: Let those be that only a server knows which does not answer.
        within: The names that led here.

    Raises:
        ConnectionLost: A sub-plan would be on a server that does not answer, and this is not offline.
    """
    problems: list[Problem] = []

    def with_plan(task: AgentTask) -> AgentTask:
        named, names = task.plan, within
        try:
            if isinstance(named, str):
                if named in within or len(within) >= MAX_NESTING:
                    return task
                inner, names = find(named), (*within, named)
            elif isinstance(named, dict):
                inner = load_plan(named)
            else:
                return task
        except PlanProblems as error:
            # What is wrong with a plan that is written out is told by the rules.
            problems.extend(nested(f"task {task.id}: plan", each) for each in error.problems if isinstance(named, str))
            return task
        except ConnectionLost:
            if not offline:
                raise
            return task
        except PlanInvalid as error:
            problems.append(Problem(f"task {task.id}: plan", str(error)))
            return task
        whole, inner_problems = with_named_plans(inner, find, offline=offline, within=names)
        problems.extend(nested(f"task {task.id}: plan", each) for each in inner_problems)
        return task if whole is inner and not isinstance(named, str) else _with(task, whole)

    tasks = tuple(map(with_plan, plan.tasks))
    return (plan if tasks == plan.tasks else plan.model_copy(update={"tasks": tasks})), tuple(problems)


def import_problems(plan: Plan, allowed_packages: Sequence[str], *, functions: bool) -> tuple[Problem, ...]:
    """The functions and models that are not there. Modules of allowed packages are imported, as the run will.

    Args:
        plan: A plan without errors, its sub-plans inside of it.
        allowed_packages: The packages whose functions and models it may name.
        functions: Whether its functions run in this process, so that they have to be here.
    """
    return tuple(
        Problem(place, str(error))
        for place, look_up, reference in _references(plan, functions=functions)
        if (error := _fault(look_up, reference, allowed_packages)) is not None
    )


def _with(task: AgentTask, plan: Plan) -> AgentTask:
    return task.model_copy(update={"plan": plain_plan(plan)})


def _fault(look_up: Callable[[str, Sequence[str]], Any], reference: str, allowed: Sequence[str]) -> PlanInvalid | None:
    try:
        look_up(reference, allowed)
    except PlanInvalid as error:
        return error
    return None


def _references(plan: Plan, *, functions: bool) -> Iterator[tuple[str, Callable[[str, Sequence[str]], Any], str]]:
    """Where something is named, how it is looked up, and what it is called."""
    subject = Subject(plan, Known())
    for written, task in subject.both():
        if functions and task.kind == "function" and task.call is not None:
            yield subject.place(written, "call"), function_named, task.call
        if (model := model_reference(task.output)) is not None:
            yield subject.place(written, "output"), import_class, model
        for check in task.checks:
            if isinstance(check, FunctionCheck):
                yield subject.place(written, "checks"), function_named, check.call
    for task_id, inner in sub_plans(subject):
        for place, look_up, reference in _references(inner, functions=functions):
            yield f"task {task_id}: plan: {place}", look_up, reference
