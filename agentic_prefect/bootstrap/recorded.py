"""Runs that have been: what the server keeps about them, and how another one goes on from there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed
from pydantic import ValidationError

from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.run_record import RunRecord
from agentic_prefect.plans.fingerprint import plan_hash
from agentic_prefect.plans.given_policy import given_policy
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.lineage import require_point
from agentic_prefect.plans.load import load_plan
from agentic_prefect.plans.names import telling_chars
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.runtime.plan_flow import PLAN_FLOWS
from agentic_prefect.settings import Process
from agentic_prefect.stored_plans import plan_given

MOST_LOOKED_AT: Final = 10_000
"""How many of the latest runs are looked through for the beginning of an id."""
PAGE: Final = 200
"""The most that the server gives at once."""
MOST_IN_A_ROW: Final = 100
"""How many runs that each went on from the one before are followed."""
_ID_START: Final = re.compile(r"[0-9a-f]{1,8}|[0-9a-f]{8}-[0-9a-f-]{0,27}")


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run that the server knows."""

    run_id: str
    name: str
    state: State[Any] | None
    parameters: Mapping[str, Any]
    record: RunRecord
    """As seen from outside: no id is left out."""
    deployment_id: UUID | None
    deployed_plan: bool
    """Whether it is a run of the flow that runs any stored plan."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it goes on, as far as the server knows."""
        return self.state is not None and self.state.is_final()

    @property
    def process(self) -> Process:
        """Where it runs, or ran, if it was started by hand."""
        return Process(self.record.host, self.record.pid)

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What was given for the plan's inputs."""
        given: object = self.parameters.get("inputs")
        return cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}

    def plan(self) -> Plan:
        """The plan that it ran, read anew where the run only names it.

        Raises:
            PlanInvalid: The run says nothing about a plan, or the plan is no longer there.
        """
        given: object = self.parameters.get("plan")
        if isinstance(given, str) and self.deployed_plan:
            return plan_given(given).plan
        if isinstance(given, Mapping):
            return load_plan(cast("Mapping[str, Any]", given), source=f"the plan of run {self.run_id}")
        raise PlanInvalid(
            f"Run {self.name!r} ({self.run_id}) does not say which plan it ran: it is one of a flow of its own. "
            f"Name the plan with `--plan`, or retry the run in the Prefect UI."
        )


async def find(reference: str) -> RecordedRun:
    """The run with this id, the beginning of one, or this name.

    Raises:
        PlanInvalid: There is none, or there are several.
    """
    run = await _look_up(reference)
    record = await _record_of(run)
    return RecordedRun(
        run_id=str(run.id),
        name=run.name,
        state=run.state,
        parameters=run.parameters,
        record=record.seen_from_outside(str(run.id)),
        deployment_id=run.deployment_id,
        deployed_plan=_is_of_any_plan(run),
    )


async def record_for(plan: Plan, options: RunOptions, *, process: Process | None = None) -> RunRecord:
    """What a run of a plan is to keep about itself.

    Args:
        plan: The plan that is about to run.
        options: What the run sets; `resume` names the run that it goes on from.
        process: Where it will run, when no worker looks after it.

    Raises:
        PlanInvalid: There is no such run, or no such task to begin from.
    """
    own = RunRecord(
        policy=options.policy,
        rehearse=options.rehearse,
        base_dir=str(options.base_dir.absolute()) if options.base_dir else "",
        plan_hash=plan_hash(plan),
        plan_version=options.plan_version,
        host=process.host if process else "",
        pid=process.pid if process else 0,
    )
    if options.rerun_from:
        if not options.resume:
            raise PlanInvalid(f"Say of which run {options.rerun_from!r} is to be done again: give `resume`, too.")
        require_point(options.rerun_from, build_graph(effective_plan(plan)))
    if not options.resume:
        return own
    earlier = (await find(options.resume)).record
    renewed = dict(earlier.renewed)
    if options.rerun_from:
        renewed.pop(options.rerun_from, None)
        renewed[options.rerun_from] = ""
    return own.model_copy(update={"lineage": earlier.lineage, "renewed": renewed})


async def bury(run: RecordedRun, successor: str) -> None:
    """Tell the server that a run's process is gone, which it could not tell by itself."""
    async with get_client() as client:
        await client.set_flow_run_state(
            UUID(run.run_id), Crashed(message=f"Its process ended without a word; {successor}."), force=True
        )


async def start_deployed(run: RecordedRun, parameters: Mapping[str, Any]) -> FlowRun:
    """Start another run of a run's deployment, with these parameters in place of its own."""
    assert run.deployment_id is not None
    async with get_client() as client:
        return await client.create_flow_run_from_deployment(
            run.deployment_id, parameters={**run.parameters, **parameters}, name=run.name
        )


async def _look_up(reference: str) -> FlowRun:
    wanted = reference.strip()
    try:
        run_id = UUID(wanted)
    except ValueError:
        return await _search(wanted)
    async with get_client() as client:
        try:
            return await client.read_flow_run(run_id)
        except ObjectNotFound:
            raise PlanInvalid(
                f"There is no run {wanted!r} on this Prefect server. Its id stands in the address of its page; "
                f"check PREFECT_API_URL if it ran elsewhere."
            ) from None


async def _search(wanted: str) -> FlowRun:
    """The one run whose id begins so, or of that name; one that is planned only where nothing else fits."""
    async with get_client() as client:
        found = await _fitting(client, wanted, planned=False) or await _fitting(client, wanted, planned=True)
        if len(found) == 1:
            return found[0]
        shown = found or await _page(client, planned=False) or await _page(client, planned=True)
    if not shown:
        raise PlanInvalid(f"There is no run {wanted!r}; this Prefect server has no run of a plan yet.")
    length = telling_chars(str(run.id) for run in shown)
    listed = ", ".join(f"{str(run.id)[:length]} ({run.name}, {_state_of(run)})" for run in shown[:10])
    what = f"{len(found)} runs are called" if found else "No run is called"
    raise PlanInvalid(f"{what} {wanted!r}. Give an id, or its beginning. The latest runs: {listed}.")


async def _fitting(client: PrefectClient, wanted: str, *, planned: bool) -> list[FlowRun]:
    """The runs whose id begins so; the server finds names, and no beginnings of ids. Without any, those of the name."""
    found: dict[UUID, FlowRun] = {}  # a new run pushes others on to the next page
    if _ID_START.fullmatch(wanted.lower()):
        for offset in range(0, MOST_LOOKED_AT, PAGE):
            page = await _page(client, planned=planned, offset=offset)
            found |= {run.id: run for run in page if str(run.id).startswith(wanted.lower())}
            if len(page) < PAGE:
                break
    return list(found.values()) or (await _page(client, planned=planned, name=wanted) if wanted else [])


async def _page(client: PrefectClient, *, planned: bool, name: str = "", offset: int = 0) -> list[FlowRun]:
    """Runs of plans, the latest first, with or without those that are planned."""
    state = None if planned else {"type": {"not_any_": [StateType.SCHEDULED]}}
    conditions = {"state": state, "name": {"any_": [name]} if name else None}
    return await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(PLAN_FLOWS))),
        flow_run_filter=FlowRunFilter.model_validate(conditions),
        sort=FlowRunSort.START_TIME_DESC,
        limit=PAGE,
        offset=offset,
    )


async def _record_of(run: FlowRun, left: int = MOST_IN_A_ROW) -> RunRecord:
    """The record of a run, which a deployed one has only in that it says which run it goes on from."""
    if left == 0:
        raise PlanInvalid(f"Run {run.id} goes on from more than {MOST_IN_A_ROW} others, or from itself.")
    given: object = run.parameters.get("record")
    if given is not None or not _is_of_any_plan(run):
        try:
            return RunRecord.model_validate(given or {})
        except ValidationError:  # a flow of somebody else's with a parameter of that name
            return RunRecord()
    earlier, point = (str(run.parameters.get(name) or "") for name in ("resume", "rerun_from"))
    record = RunRecord()
    if earlier:
        before = await _look_up(earlier)
        record = (await _record_of(before, left - 1)).seen_from_outside(str(before.id))
    renewed = {**record.renewed, point: ""} if point else record.renewed
    return RunRecord(lineage=record.lineage, renewed=renewed, policy=_policy_in(run.parameters))


def _policy_in(parameters: Mapping[str, Any]) -> PolicyFields:
    """What a deployed run was given for tasks of which its plan says nothing."""
    given, model = parameters.get("policy"), parameters.get("model")
    fields = dict(cast("Mapping[str, Any]", given)) if isinstance(given, Mapping) else dict[str, Any]()
    try:
        return given_policy(fields | ({"model": model} if model else {}), source="The parameter `policy`")
    except PlanProblems:  # such a run has ended with saying so
        return PolicyFields()


def _is_of_any_plan(run: FlowRun) -> bool:
    """Whether it is a run of the flow that runs any stored plan."""
    return "record" not in run.parameters and isinstance(run.parameters.get("plan"), str)


def _state_of(run: FlowRun) -> str:
    return (run.state_name or StateType.PENDING.value).lower()
