"""Everything that is wrong with a plan, at once and before anything is spent."""

from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.problems import PlanProblems, Problem, errors_in
from agentic_prefect.plans.validation.checks import check_problems
from agentic_prefect.plans.validation.connections import connection_problems
from agentic_prefect.plans.validation.fallbacks import fallback_problems
from agentic_prefect.plans.validation.forms import form_problems
from agentic_prefect.plans.validation.identity import identity_problems
from agentic_prefect.plans.validation.kinds import kind_problems, nested, sub_plans
from agentic_prefect.plans.validation.limits import limit_problems
from agentic_prefect.plans.validation.lookups import lookup_problems
from agentic_prefect.plans.validation.subject import Known, Subject

RULES = (
    identity_problems,
    connection_problems,
    kind_problems,
    form_problems,
    limit_problems,
    lookup_problems,
    fallback_problems,
    check_problems,
)
_NOTHING_KNOWN = Known()
_NOTHING_SET = PolicyFields()


def validate_plan(
    plan: Plan, *, known: Known = _NOTHING_KNOWN, run: PolicyFields = _NOTHING_SET
) -> tuple[Problem, ...]:
    """All problems of a plan; empty when it can run. Warnings are among them.

    Args:
        plan: The plan as it was written.
        known: What exists outside the plan; what is left out is not checked.
        run: What the run that is about to start sets for tasks that say nothing.
    """
    subject = Subject(plan, known, run)
    problems = [problem for rule in RULES for problem in rule(subject)]
    for task_id, sub_plan in sub_plans(subject):
        place = f"task {task_id}: plan"
        problems += [nested(place, problem) for problem in validate_plan(sub_plan, known=known)]
    return tuple(dict.fromkeys(problems))


def check_plan(plan: Plan, *, known: Known = _NOTHING_KNOWN, source: str | None = None) -> tuple[Problem, ...]:
    """The warnings about a plan that can run.

    Args:
        plan: The plan as it was written.
        known: What exists outside the plan.
        source: Its name, for messages; `None` names the plan.

    Raises:
        PlanProblems: It cannot run; with every error.
    """
    problems = validate_plan(plan, known=known)
    errors = errors_in(problems)
    if errors:
        raise PlanProblems(source or f"Plan {plan.name!r}", errors)
    return problems
