"""Where the functions of plans run, as the setting `functions_on` says."""

from collections.abc import Iterator

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.problems import PlanProblems, Problem
from agentic_prefect.plans.validate import Known
from agentic_prefect.plans.validation.kinds import sub_plans
from agentic_prefect.plans.validation.subject import Subject
from agentic_prefect.runtime.functions.near import FunctionsElsewhere
from agentic_prefect.runtime.functions.places import place_of
from agentic_prefect.settings import AgenticSettings


def functions_elsewhere(settings: AgenticSettings) -> FunctionsElsewhere | None:
    """What runs functions away from this process; `None` runs them in its threads. Nothing is started."""
    place = place_of(settings.functions_on, settings.allowed_packages)
    if place is None:
        return None
    return FunctionsElsewhere(place, allowed_packages=settings.allowed_packages, redact=settings.redact)


def unusable(plan: Plan, functions: FunctionsElsewhere | None) -> tuple[Problem, ...]:
    """What keeps the functions of a plan from running where they are to run; nothing for a plan that calls none."""
    if functions is None or (caller := next(_callers(plan), None)) is None:
        return ()
    try:
        functions.check()
    except PlanInvalid as error:
        return (Problem(caller, str(error)),)
    return ()


def _callers(plan: Plan) -> Iterator[str]:
    """Where functions are called, in the sub-plans that are written out, too."""
    yield from (f"task {task.id}" for task in plan.tasks if task.kind == "function")
    for outer, inner in sub_plans(Subject(plan, Known())):
        yield from (f"task {outer}: plan: {caller}" for caller in _callers(inner))


def require_usable(plan: Plan, functions: FunctionsElsewhere | None) -> None:
    """Raise `PlanProblems` where the functions of a plan could not run."""
    if problems := unusable(plan, functions):
        raise PlanProblems(f"plan {plan.name!r}", problems)
