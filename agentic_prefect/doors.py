"""The flow that deployments point at, wherever the package is installed: `agentic_prefect.doors.run_plan`."""

import asyncio
import re
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from agentic_prefect.bootstrap import RunOptions, check, default_model_name, run_plan_here, services
from agentic_prefect.plans.deployment_name import OF_PLANS
from agentic_prefect.plans.given_policy import given_budget, given_policy
from agentic_prefect.plans.problems import PlanProblems, errors_in
from agentic_prefect.runtime.agent_task import install_log_filter
from agentic_prefect.runtime.redacted_errors import errors_without_secrets
from agentic_prefect.runtime.services import use
from agentic_prefect.runtime.states import plan_state
from agentic_prefect.stored_plans import is_plan_text, plan_given, reachable_folders


def _run_name() -> str:
    """The plan's name, unless whoever made the run gave it one of its own."""
    given, plan = flow_run.get_name() or "", str(flow_run.get_parameters().get("plan") or "")
    # Prefect names a run with two words, from its forms with capitals; a template would also overwrite a name that
    # somebody typed.
    if not re.fullmatch(r"[a-z]+-[a-z]+|[A-Z][a-z]+-[A-Z][a-z]+", given):
        return given
    named = (
        re.search(r"^\s*[\"']?name[\"']?\s*:\s*[\"']?([a-z0-9_-]+)", plan, re.MULTILINE) if is_plan_text(plan) else None
    )
    return named[1] if named else Path(plan.partition("@")[0]).stem if plan and not is_plan_text(plan) else given


@flow(
    name=OF_PLANS,
    flow_run_name=_run_name,
    retries=0,
    persist_result=True,
    result_serializer="json",
)
async def run_plan(
    plan: str = "research",
    inputs: dict[str, Any] = {},  # noqa: B006  # shown as the form's default, never changed
    model: str = "",
    max_concurrency: int = 0,
    policy: dict[str, Any] = {},  # noqa: B006  # as above
    budget: dict[str, Any] = {},  # noqa: B006  # as above
    rehearse: bool = False,
    resume: str = "",
    rerun_from: str = "",
) -> Any:
    """Run a plan of LLM agent tasks.

    The run's graph shows the tasks; its artifacts show progress, a report with the cost, and every prompt.

    Args:
        plan: The name of a stored plan, also with a version as in research@3, the path of a file below the working
            folder or a folder of plans on the worker, or a whole plan as YAML or JSON text.
        inputs: Values for the plan's inputs by name; those left out take their defaults.
        model: The model of tasks that name none, as CONNECTION/MODEL; empty leaves it to the plan and the worker.
        max_concurrency: At most this many tasks at once; 0 leaves it to the plan.
        policy: What tasks do for which the plan says nothing, such as {"retries": 1, "on_failure": "continue"}.
        budget: What the run may take at most, in place of the plan's budget, such as {"usd": 0.5, "calls": 60}.
        rehearse: Ask no model; answers are made up from the schemas, and nothing is paid.
        resume: The id of an earlier run of this plan; what it finished and is as it was then is not done again.
        rerun_from: With `resume`: a task that is done again all the same, and with it everything that comes after it.
    """
    install_log_filter()
    with errors_without_secrets():
        use(services())  # what is wrong is told by the settings' rules before there is a plan, too
        # A stored plan is asked for at the server, which takes a moment.
        given = await asyncio.to_thread(plan_given, plan)
        options = RunOptions(
            policy=given_policy({**policy, **({"model": model} if model else {})}, source="The parameter `policy`"),
            max_concurrency=max_concurrency or None,
            budget=given_budget(budget, source="The parameter `budget`"),
            rehearse=rehearse,
            base_dir=given.folder,
            plans_within=reachable_folders(),
            plan_version=given.version,
            resume=resume,
            rerun_from=rerun_from,
        )
        if errors := errors_in(check(given.plan, options, importing=True)):
            raise PlanProblems(f"plan {given.plan.name!r}", errors)
        default_model_name(given.plan, options)  # raises where a task's model could not answer, before anything is paid
        return plan_state(await run_plan_here(given.plan, inputs, options=options))
