"""Plans made ready to be kept on the server, from where they run without their folder."""

from dataclasses import replace

from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.bootstrap.preview import known
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.fingerprint import whole_plan
from agentic_prefect.plans.problems import PlanProblems, errors_in
from agentic_prefect.plans.validate import validate_plan
from agentic_prefect.stored_plans import find_given, read_plan


def plan_to_keep(reference: str) -> Plan:
    """The plan, whole and checked as it will run: away from its folder, with its sub-plans inside of it.

    Args:
        reference: A file, a name, or `-` for standard input.

    Raises:
        PlanProblems: It would not run away from its folder; a prompt beside it is one of the reasons.
    """
    given = find_given(reference)
    plan = whole_plan(given.plan, lambda name: read_plan(name, base_dir=given.folder))
    # Whether a worker reaches the connections and may name the packages is for the worker to say: it has the keys and
    # the setting.
    elsewhere = replace(known(plan, RunOptions()), connections=None, allowed_packages=None)
    if errors := errors_in(validate_plan(plan, known=elsewhere)):
        raise PlanProblems(f"plan {plan.name!r}, as it would run on a worker,", errors)
    return plan
