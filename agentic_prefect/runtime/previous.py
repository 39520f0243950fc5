"""The run before this one, whose output a recurring plan can look at."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterId, FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.plans.edges import NEEDING_FIELDS
from agentic_prefect.plans.expressions import NO_PREVIOUS, PreviousRun, references
from agentic_prefect.runtime.child_results import UNREADABLE

MOST_LOOKED_AT: Final = 50
"""How many of the latest completed runs are looked through for one of the same plan that was no rehearsal."""
_log = logging.getLogger(__name__)


def looks_back(plan: Plan) -> bool:
    """Whether anything in the plan looks at the run before."""
    fields = [[getattr(task, field) for field in (*NEEDING_FIELDS, "when")] for task in plan.tasks]
    return bool(references([plan.result, *fields]).previous)


async def previous_run(plan: Plan, run: FlowRun) -> PreviousRun:
    """The latest run that completed before this one began; a Retry of this run sees the same one.

    Of the same deployment, or, for a run that was started by hand, one of a plan of that name that was, too. Rehearsals
    do not count: what they put out is made up. A sub-plan has none.
    """
    began = run.start_time or run.expected_start_time
    if run.parent_task_run_id is not None or began is None:
        return NO_PREVIOUS
    is_told = False
    async with get_client() as client:
        for found in await _completed(client, plan, run, began):
            if _is_rehearsal(found.parameters):
                continue
            try:
                result = await _result_of(found)
            except UNREADABLE as error:
                if not is_told:
                    _tell(found, error)
                is_told = True
            else:
                return PreviousRun(result.output, str(found.id), result.ended_at.isoformat())
    return NO_PREVIOUS


async def _completed(client: PrefectClient, plan: Plan, run: FlowRun, began: datetime) -> list[FlowRun]:
    wanted: dict[str, Any] = {
        "state": {"type": {"any_": ["COMPLETED"]}},
        "end_time": {"before_": began},
        "parent_task_run_id": {"is_null_": True},
    }
    if run.deployment_id is not None:
        wanted["deployment_id"] = {"any_": [run.deployment_id]}
    found = await client.read_flow_runs(
        flow_filter=FlowFilter(id=FlowFilterId(any_=[run.flow_id])),
        flow_run_filter=FlowRunFilter.model_validate(wanted),
        sort=FlowRunSort.END_TIME_DESC,
        limit=MOST_LOOKED_AT,
    )
    return [each for each in found if run.deployment_id is not None or _plan_name(each.parameters) == plan.name]


async def _result_of(run: FlowRun) -> PlanResult:
    """What it put out.

    Raises:
        Exception: One of `UNREADABLE`: it was not kept, is gone, is no plan's, or lies out of this process's reach.
    """
    data: object = await cast(Any, run.state).aresult(raise_on_failure=False)
    return data if isinstance(data, PlanResult) else PlanResult.model_validate(data)


def _tell(run: FlowRun, error: Exception) -> None:
    _log.warning(
        "The result of the previous run %s cannot be read here, so that an earlier one is taken: %s: %s. Runs on "
        "several machines need a storage block that all of them reach, and a flow of your own has to keep the plan's "
        "result: `persist_result=True`, and `return` what `run_plan_here` gives.",
        run.id, type(error).__name__, error,
    )  # fmt: skip


def _is_rehearsal(parameters: Mapping[str, Any]) -> bool:
    record: object = parameters.get("record")
    kept = cast("Mapping[str, Any]", record if isinstance(record, Mapping) else {})
    return bool(parameters.get("rehearse") or kept.get("rehearse"))


def _plan_name(parameters: Mapping[str, Any]) -> str:
    plan: object = parameters.get("plan")
    return str(cast("Mapping[str, Any]", plan).get("name")) if isinstance(plan, Mapping) else ""
