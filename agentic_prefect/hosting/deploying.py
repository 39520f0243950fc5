"""A plan as a deployment of its own, with a form that fits it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from pydantic import ValidationError

from agentic_prefect.blocks.stored_plan import StoredPlan
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.hosting.timing import Timing
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.deployment_name import OF_PLANS
from agentic_prefect.plans.form import input_defaults, plan_form
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.reports.plan_page import plan_page
from agentic_prefect.runtime.links import ui_url

FLOW: Final = OF_PLANS
ENTRYPOINT: Final = "agentic_prefect.doors.run_plan"
"""Found wherever the package is installed; no file of the flow has to be there."""
POOL: Final = "agentic"
"""The work pool that is made where none is named."""
TAG: Final = "agentic"
SLUG: Final = "deploy-"
"""Schedules whose slug begins so are those of `deploy`, which removes them when they are asked for no more."""
WISHED: Final = frozenset({"plan", "inputs", "model", "budget"})
"""Parameters that `deploy` gives, so that what it gives no more goes. Others are set in the UI or the API, and stay."""
Collision = Literal["enqueue", "cancel-new"]
MAX_LINK_CHARS: Final = 30_000
"""A longer link is not prefilled: browsers and proxies refuse it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be deployed, and how."""

    plan: Plan
    stored: StoredPlan
    name: str
    timings: Sequence[Timing] = ()
    pool: str = POOL
    queue: str = ""
    """The work queue of the pool; empty leaves it as it is, or the pool's default where the pool is another one."""
    concurrency: int | None = None
    """At most this many runs at once; 0 is no limit, `None` leaves it as it is."""
    collision: Collision = "enqueue"
    """What becomes of a run beyond that: it waits, or it is cancelled."""
    tags: tuple[str, ...] = ()
    model: str = ""
    budget: Budget | None = None
    """Of each run, in place of the plan's own."""
    job_variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the pool's workers are told of the runs' processes; each goes before the one of its name that is there."""
    as_it_is: bool = False
    """Whether the schedules, model, budget and tags that the deployment has stay, whoever gave them."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that was made."""

    id: str
    name: str
    """Flow and deployment, as `prefect deployment run` wants it."""
    is_new: bool
    page: str | None
    """Where a person looks at it."""
    form: str | None
    """Where its form is, filled in with the defaults."""
    removed: tuple[str, ...]
    """Schedules that are no more."""
    made_pool: bool
    """Whether the work pool was made, since it was not there."""


async def deploy(wish: Wish) -> Deployed:
    """Make the deployment, or bring it up to date; the same again changes nothing.

    Schedules that were added by other ways than `deploy` stay, and one that somebody paused stays paused. So do job
    variables, the work queue and the limit of runs at once, unless others are wished for, and further parameters.

    Raises:
        PlanInvalid: There is no such work pool.
    """
    async with get_client() as client:
        made_pool = await _require_pool(client, wish.pool)
        try:
            before = await client.read_deployment_by_name(f"{FLOW}/{wish.name}")
        except ObjectNotFound:
            before = None
        timings = [*_paused_where_they_were(wish.timings, before), *_others(before, all_of_them=wish.as_it_is)]
        deployment_id = await _write(client, wish, timings, before)
    slugs = {each.slug for each in timings}
    gone = tuple(sorted({each.slug or str(each.id) for each in before.schedules} - slugs)) if before else ()
    page = ui_url(f"deployments/deployment/{deployment_id}")
    return Deployed(
        id=deployment_id,
        name=f"{FLOW}/{wish.name}",
        is_new=before is None,
        page=page,
        form=_form_link(page, parameters_of(wish, before)),
        removed=gone,
        made_pool=made_pool,
    )


async def pool_of(name: str) -> str | None:
    """The work pool of a plan's deployment; `None` when there is no such deployment."""
    async with get_client() as client:
        try:
            return (await client.read_deployment_by_name(f"{FLOW}/{name}")).work_pool_name
        except ObjectNotFound:
            return None


async def require_process_pool(name: str) -> None:
    """Make sure that a worker of processes can take the runs of a pool; one that is not there is none of its business.

    Raises:
        PlanInvalid: The pool is of another type.
    """
    async with get_client() as client:
        try:
            kind = (await client.read_work_pool(name)).type
        except ObjectNotFound:
            return
    if kind != "process":
        raise PlanInvalid(
            f"The work pool {name!r} is of the type {kind!r}, and the worker that is started here takes runs of "
            f"process pools alone. Use `agentic-prefect deploy --work-pool {name}` and a worker of that type."
        )


async def _write(
    client: PrefectClient, wish: Wish, timings: Sequence[Timing], before: DeploymentResponse | None
) -> str:
    parameters = parameters_of(wish, before)
    about = f"Runs {wish.stored.reference}, content {wish.stored.plan_hash[:12]}."
    concurrency, options = _limit_of(wish, before)
    found: Any = await client.create_deployment(
        flow_id=await client.create_flow_from_name(FLOW),
        name=wish.name,
        version=str(wish.stored.plan_version),
        entrypoint=ENTRYPOINT,
        work_pool_name=wish.pool,
        work_queue_name=_queue_of(wish, before),
        job_variables={**(before.job_variables if before else {}), **wish.job_variables},
        parameters=parameters,
        parameter_openapi_schema=plan_form(wish.plan),
        enforce_parameter_schema=True,
        description=plan_page(_as_it_runs(wish.plan, parameters), told=about),
        tags=sorted({TAG, *wish.tags, *(before.tags if before and wish.as_it_is else ())}),
        schedules=[each.as_wanted() for each in timings],
        concurrency_limit=concurrency,
        concurrency_options=options,
    )
    return str(found)


def parameters_of(wish: Wish, before: DeploymentResponse | None) -> dict[str, Any]:
    """What each run is given unless its form says otherwise."""
    there = before.parameters if before else {}
    kept = {name: value for name, value in there.items() if wish.as_it_is or name not in WISHED}
    model = {"model": wish.model} if wish.model else {}
    budget = {"budget": wish.budget.model_dump(exclude_none=True)} if wish.budget else {}
    return {**kept, "plan": wish.stored.reference, "inputs": input_defaults(wish.plan), **model, **budget}


def _limit_of(wish: Wish, before: DeploymentResponse | None) -> tuple[int | None, ConcurrencyOptions | None]:
    """How many runs at once, and what becomes of those beyond."""
    if wish.concurrency is None and before is not None:
        limit = before.global_concurrency_limit
        return limit.limit if limit else None, before.concurrency_options
    if not wish.concurrency:
        return None, None
    strategy = ConcurrencyLimitStrategy(wish.collision.replace("-", "_").upper())
    return wish.concurrency, ConcurrencyOptions(collision_strategy=strategy)


def _queue_of(wish: Wish, before: DeploymentResponse | None) -> str | None:
    there = before.work_queue_name if before and before.work_pool_name == wish.pool else None
    return wish.queue or there


def _as_it_runs(plan: Plan, parameters: Mapping[str, Any]) -> Plan:
    """The plan with the budget of its runs. One that will not do is told by the first of them."""
    given = parameters.get("budget")
    try:
        return plan.model_copy(update={"budget": Budget.model_validate(given)}) if given else plan
    except ValidationError:
        return plan


async def _require_pool(client: PrefectClient, name: str) -> bool:
    """Make sure that the pool is there; whether it was made."""
    try:
        await client.read_work_pool(name)
    except ObjectNotFound:
        if name != POOL:
            known = [pool.name for pool in await client.read_work_pools()]
            raise PlanInvalid(
                f"There is no work pool {name!r}. {did_you_mean(name, known)} There are: {listing(known)}. Make it "
                f"with `prefect work-pool create {name} --type process`, or leave `--work-pool` out.".replace("  ", " ")
            ) from None
        try:
            await client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        except ObjectAlreadyExists:  # somebody else was quicker
            return False
        return True
    return False


def _paused_where_they_were(timings: Sequence[Timing], before: DeploymentResponse | None) -> list[Timing]:
    paused = {each.slug for each in before.schedules if not each.active} if before else set[str | None]()
    return [
        Timing(each.slug, each.schedule, each.parameters, active=each.active and each.slug not in paused)
        for each in timings
    ]


def _others(before: DeploymentResponse | None, *, all_of_them: bool) -> list[Timing]:
    """The schedules that are to stay: those that somebody else gave the deployment, or all."""
    kept: list[Timing] = []
    for each in before.schedules if before else ():
        slug = each.slug or str(each.id)
        if all_of_them or not slug.startswith(SLUG):
            schedule: Any = each.schedule
            kept.append(Timing(slug, schedule, each.parameters, active=each.active))
    return kept


def _form_link(page: str | None, parameters: Mapping[str, Any]) -> str | None:
    if page is None:
        return None
    link = f"{page}/run?parameters={quote(json.dumps(parameters, ensure_ascii=False))}"
    return link if len(link) <= MAX_LINK_CHARS else f"{page}/run"
