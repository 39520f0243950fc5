"""The kind `plan`: a task that is a whole plan."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from agentic_prefect.errors import BudgetExceeded, CriticalError, PlanInvalid, SubPlanFailed
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.run_record import RunRecord
from agentic_prefect.plans.lineage import Lineage
from agentic_prefect.policies.failure import is_critical
from agentic_prefect.ports import Work
from agentic_prefect.runtime.plan_flow import Nesting, nesting, result_in, start


class PlanKind:
    """Runs a plan as a subflow; its output is the task's, its usage counts, its failure is the task's failure."""

    def __init__(self, find_plan: Callable[[str], Plan], lineage: Lineage) -> None:
        self._find_plan, self._lineage = find_plan, lineage

    async def execute(self, work: Work) -> Any:
        """The output of the sub-plan. The task's input, a mapping, gives the plan's inputs; its budget, if it has one,
        takes the place of the plan's, and holds for all items and attempts of the task together.

        Raises:
            PlanInvalid: There is no such plan, or the inputs do not fit.
            SubPlanFailed: It ended other than completed.
            CriticalError: The same, of a critical error, which halts this plan, too.
            BudgetExceeded: The same, and what kept it from completing was a budget.
        """
        plan = self._plan_of(work)
        inputs: object = {} if work.input is None else work.input
        if not isinstance(inputs, Mapping):
            raise PlanInvalid(
                f"The input of the sub-plan {plan.name!r} must be a mapping, got {type(inputs).__name__}."
            )
        if work.task.budget is not None:
            plan = plan.model_copy(update={"budget": work.task.budget})
        token = nesting.set(Nesting(work.run_id, work.task, work.stop_reason, work.trail.spent))
        try:
            state = await start(
                plan,
                cast("Mapping[str, Any]", inputs),
                run_name=f"{work.task_id}: {plan.name}",
                record=RunRecord(lineage=f"{self._lineage.of(work.task_id)}/{work.task_id}"),
            )
        finally:
            nesting.reset(token)
        return output_of(await result_in(state), called=f"The sub-plan {plan.name!r}")

    def fingerprint(self, work: Work) -> str:
        """What else the output depends on: the plan that the task names, whatever it is by now."""
        plan = self._plan_of(work)
        return plan.model_dump_json() if isinstance(work.task.plan, str) else ""

    def _plan_of(self, work: Work) -> Plan:
        given = work.task.plan
        if given is None:
            raise PlanInvalid(
                f"Task {work.task.id!r} is of kind `plan` and names none. Set `plan` to a name or a path."
            )
        return self._find_plan(given) if isinstance(given, str) else Plan.model_validate(given)


def output_of(result: PlanResult, *, called: str, see: str = "") -> Any:
    """The output of a plan that is a task of another one.

    Args:
        result: What became of it.
        called: What it is called in messages.
        see: Where a person looks at it.

    Raises:
        SubPlanFailed: It ended other than completed.
        CriticalError: The same, of a critical error.
        BudgetExceeded: The same, and what kept it from completing was a budget.
    """
    if result.successful:
        return result.output
    message = f"{called} ended {result.status}: {result.reason}." + (f" {see}" if see else "")
    if any(each.error is not None and is_critical(each.error) for each in result.results.values()):
        raise CriticalError(message)
    over = result.over_budget
    raise BudgetExceeded(f"{message} {over}") if over else SubPlanFailed(message)
