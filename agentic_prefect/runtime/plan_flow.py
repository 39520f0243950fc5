"""The Prefect flow that runs a plan, as a run of its own or as a part of another plan's run."""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, cast

from prefect import flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import AsyncClientContext, FlowRunContext, SyncClientContext
from prefect.results import aget_default_result_storage
from prefect.utilities.annotations import quote
from pydantic_core import to_jsonable_python

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.interventions.desk import Recalled
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.run_record import RunRecord
from agentic_prefect.models.task import AgentTask
from agentic_prefect.models.usage import Usage
from agentic_prefect.plans.deployment_name import OF_PLANS
from agentic_prefect.plans.expressions import NO_PREVIOUS
from agentic_prefect.plans.fingerprint import plan_hash
from agentic_prefect.plans.inputs import validate_inputs
from agentic_prefect.plans.lineage import lineage_of
from agentic_prefect.plans.progress import Blueprint
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.runtime.agent_task import install_log_filter
from agentic_prefect.runtime.links import run_url
from agentic_prefect.runtime.local_results import keep_whole
from agentic_prefect.runtime.parameter_size import parameters_fit
from agentic_prefect.runtime.plan_run import PlanRun, WrittenPlan
from agentic_prefect.runtime.previous import looks_back, previous_run
from agentic_prefect.runtime.redacted_errors import errors_without_secrets
from agentic_prefect.runtime.services import Services, current_disclosure, current_services
from agentic_prefect.runtime.states import plan_state


@dataclass(frozen=True, slots=True)
class Nesting:
    """The run that a sub-plan is part of."""

    parent_run_id: str
    task: AgentTask
    """The task of that run which the sub-plan is."""
    stop_reason: Callable[[], str]
    """Why the parent is stopping this part; empty while it is not."""
    spent: Callable[[Usage], None]
    """Hears what this part has consumed, however it ends: the parent may not wait for its result."""


PLAN_FLOWS: Final = ("agentic-plan", OF_PLANS)
"""The flows whose runs are runs of plans: one plan each, and any stored plan."""
_NEW = RunRecord()
KEPT_PLACES = 10_000
"""How many plans started within flows are counted at most."""
_started: OrderedDict[str, int] = OrderedDict()
"""How often each plan was started with the same inputs in one try of a flow run."""

nesting: ContextVar[Nesting | None] = ContextVar("agentic_prefect_nesting", default=None)
"""Set around the run of a sub-plan."""


@flow(name="agentic-plan", retries=0, persist_result=True, result_serializer="json", validate_parameters=False)
async def plan_flow(
    plan: dict[str, Any], inputs: dict[str, Any] | None = None, record: dict[str, Any] | None = None
) -> Any:
    """Run a plan of agent tasks."""
    known = RunRecord.model_validate(record or {})
    return plan_state(await run_here(Plan.model_validate(plan), inputs or {}, current_services(), known))


async def run_here(plan: Plan, inputs: Mapping[str, Any], services: Services, record: RunRecord = _NEW) -> PlanResult:
    """Run a plan inside of the flow run that is going on.

    Args:
        plan: A valid plan.
        inputs: Values for its inputs; those left out take their defaults.
        services: What the run needs from outside.
        record: Which earlier runs it goes on from.

    Raises:
        PlanInvalid: The inputs do not fit, the plan has a cycle, or no flow run is going on.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise PlanInvalid("A plan runs inside of a Prefect flow. Call this from a flow, or use `run_plan`.")
    install_log_filter()
    keep_whole(context.result_store)
    with errors_without_secrets(services.disclosure):  # what is wrong with an input may quote it
        run = await _run_of(plan, inputs, services, record, context, context.flow_run)
        return await _to_its_end(run, services, context.flow_run)


async def _run_of(
    plan: Plan,
    inputs: Mapping[str, Any],
    services: Services,
    record: RunRecord,
    context: FlowRunContext,
    flow_run: FlowRun,
) -> PlanRun:
    blueprint = Blueprint.of(
        effective_plan(plan, run=services.options, settings=services.settings),
        validate_inputs(plan, inputs),
        await previous_run(plan, flow_run) if looks_back(plan) else NO_PREVIOUS,
    )
    run_id, parent = str(flow_run.id), nesting.get()
    since = record.seen_from_outside(run_id)
    return PlanRun(
        blueprint,
        services,
        run_id=run_id,
        lineage=lineage_of(since.lineage, since.renewed, blueprint.graph),
        parent_run_id=parent.parent_run_id if parent else None,
        parent_task=parent.task if parent else None,
        is_new=_is_new(flow_run, record),
        url=run_url(run_id),
        written=WrittenPlan(record.plan_hash or plan_hash(plan), record.plan_version),
        before=await _recalled(flow_run),
        patience_s=services.suspend_after_s if _may_be_suspended(context) else None,
    )


async def _to_its_end(run: PlanRun, services: Services, flow_run: FlowRun) -> PlanResult:
    parent = nesting.get()
    if parent is None:
        services.stop.subscribe(run.request_cancel)
    try:
        result = await run.run()
        if result is None:
            assert run.suspension is not None
            # Prefect's forms take a fifth of a second to load, and most runs ask nobody.
            from agentic_prefect.interventions.suspending import suspend

            await suspend(run.suspension, run=flow_run)
        return result
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if parent is None or not parent.stop_reason() or current is None or run.result is None:
            raise
        current.uncancel()
        return run.result
    finally:
        if parent is not None and run.result is not None:
            parent.spent(run.result.usage)


def _may_be_suspended(context: FlowRunContext) -> bool:
    """Whether going on later repeats nothing but this run: somebody's own flow would begin anew around it."""
    run, runs = context.flow_run, context.flow
    return run is not None and run.deployment_id is not None and runs is not None and runs.name in PLAN_FLOWS


async def _recalled(run: FlowRun) -> Recalled:
    """What a run that was suspended knows from before; nothing for any other."""
    if not run.empirical_policy.pause_keys:
        return Recalled()
    # See above.
    from agentic_prefect.interventions.suspending import recall

    return await recall(run)


async def start(
    plan: Plan, inputs: Mapping[str, Any], *, run_name: str | None = None, record: RunRecord = _NEW
) -> State[PlanResult]:
    """Run a plan as a flow run of its own, or as a subflow where one is going on; its state carries the result.

    Raises:
        PlanInvalid: The plan and its inputs are larger than the parameters of a flow run may be.
    """
    record = record if record.lineage else record.model_copy(update={"lineage": _lineage_within(plan, inputs)})
    named = plan_flow.with_options(flow_run_name=(run_name or plan.name).replace("{", "(").replace("}", ")"))
    # Prefect's own way loads FastAPI, a third of a second, to make plain data of what is plain data already.
    named.serialize_parameters = _without_secrets
    content = plan.model_dump(mode="json", exclude_unset=True)
    about = record.model_dump(mode="json", exclude_defaults=True)
    async with _clients():
        if FlowRunContext.get() is None:
            # Asked once, and not twice by a client that holds up the event loop.
            named.result_storage = await aget_default_result_storage()
        with parameters_fit(plan.name):
            # Prefect looks through a plan for the results of tasks unless it is told that there are none.
            run = named(quote(content), dict(inputs), about, return_state=True)
            return await cast("Awaitable[State[PlanResult]]", run)


@asynccontextmanager
async def _clients() -> AsyncGenerator[None]:
    """Clients that the flow takes over: it would make three, and to make one takes as long as two tasks."""
    async with AsyncClientContext.get_or_create():
        with SyncClientContext.get_or_create():
            yield


def _is_new(flow_run: FlowRun, record: RunRecord) -> bool:
    """Whether nothing of this run can have been done before. A deployment's run may have been retried or suspended."""
    return not record.lineage and flow_run.deployment_id is None and flow_run.run_count <= 1


def _lineage_within(plan: Plan, inputs: Mapping[str, Any]) -> str:
    """The lineage of a plan that somebody's own flow runs: that of the flow's run, which a retry of it carries on.

    The second run of the same plan with the same inputs in one flow is a second run, not the first one again. Empty
    outside of a flow.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return ""
    content = json.dumps([plan.name, to_jsonable_python(inputs, fallback=str)], sort_keys=True)
    place = f"{context.flow_run.id}/{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    # A retry in the same process counts anew: its first start is the first one again.
    counted = f"{place}/{context.flow_run.run_count}"
    number = _started[counted] = _started.get(counted, 0) + 1
    while len(_started) > KEPT_PLACES:
        _started.popitem(last=False)
    return f"{place}/{number}"


def _without_secrets(parameters: dict[str, Any]) -> dict[str, Any]:
    """What the server keeps; the run itself is given the parameters as they are."""
    plan = cast("object", parameters["plan"])
    plain = {**parameters, "plan": cast("quote[Any]", plan).unwrap() if isinstance(plan, quote) else plan}
    return current_disclosure().redacted(to_jsonable_python(plain))


async def result_in(state: State[PlanResult]) -> PlanResult:
    """The result in the final state of a plan's flow run.

    Raises:
        Exception: What kept the plan from running at all, such as inputs that do not fit.
    """
    data = cast("object", await state.aresult(raise_on_failure=False))
    if isinstance(data, BaseException):
        raise data
    if isinstance(data, dict) and "run_id" in data:
        # Read back from storage: a flow of somebody's own was retried, and this plan had been completed in it.
        data = PlanResult.model_validate(data)
    if not isinstance(data, PlanResult):
        raise PlanInvalid(f"The plan's run ended {state.name!r} and left no result: {state.message or 'no message'}.")
    return data
