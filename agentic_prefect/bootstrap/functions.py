"""Where the functions of plans run, as the setting `functions_on` says."""

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.problems import PlanProblems, Problem
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
    called = [task.id for task in plan.tasks if task.kind == "function"]
    if functions is None or not called:
        return ()
    try:
        functions.check()
    except PlanInvalid as error:
        return (Problem(f"task {called[0]}", str(error)),)
    return ()


def require_usable(plan: Plan, functions: FunctionsElsewhere | None) -> None:
    """Raise `PlanProblems` where the functions of a plan could not run."""
    if problems := unusable(plan, functions):
        raise PlanProblems(f"plan {plan.name!r}", problems)
