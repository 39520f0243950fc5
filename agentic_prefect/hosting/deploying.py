"""A plan as a deployment of its own, with a form that fits it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

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
    concurrency: int | None = None
    """At most this many runs at once; `None` is no limit."""
    collision: Collision = "enqueue"
    """What becomes of a run beyond that: it waits, or it is cancelled."""
    tags: tuple[str, ...] = ()
    model: str = ""
    budget: Budget | None = None
    """Of each run, in place of the plan's own."""
    keep_schedules: bool = False
    """Whether the schedules that there are stay, whoever made them; there are no `timings` then."""
    working_dir: str = ""
    """Where the runs' processes are; empty leaves it to the worker."""


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

    Schedules that were added by other ways than `deploy` stay, and one that somebody paused stays paused.

    Raises:
        PlanInvalid: There is no such work pool.
    """
    async with get_client() as client:
        made_pool = await _require_pool(client, wish.pool)
        try:
            before = await client.read_deployment_by_name(f"{FLOW}/{wish.name}")
        except ObjectNotFound:
            before = None
        timings = [*_paused_where_they_were(wish.timings, before), *_others(before, all_of_them=wish.keep_schedules)]
        deployment_id = await _write(client, wish, timings)
    slugs = {each.slug for each in timings}
    gone = tuple(sorted({each.slug or str(each.id) for each in before.schedules} - slugs)) if before else ()
    page = ui_url(f"deployments/deployment/{deployment_id}")
    return Deployed(
        id=deployment_id,
        name=f"{FLOW}/{wish.name}",
        is_new=before is None,
        page=page,
        form=_form_link(page, wish),
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


async def _write(client: PrefectClient, wish: Wish, timings: Sequence[Timing]) -> str:
    strategy = ConcurrencyLimitStrategy(wish.collision.replace("-", "_").upper())
    about = f"Runs {wish.stored.reference}, content {wish.stored.plan_hash[:12]}."
    found: Any = await client.create_deployment(
        flow_id=await client.create_flow_from_name(FLOW),
        name=wish.name,
        version=str(wish.stored.plan_version),
        entrypoint=ENTRYPOINT,
        work_pool_name=wish.pool,
        job_variables={"working_dir": wish.working_dir} if wish.working_dir else {},
        parameters=parameters_of(wish),
        parameter_openapi_schema=plan_form(wish.plan),
        enforce_parameter_schema=True,
        description=plan_page(_as_it_runs(wish), told=about),
        tags=sorted({TAG, *wish.tags}),
        schedules=[each.as_wanted() for each in timings],
        concurrency_limit=wish.concurrency,
        concurrency_options=ConcurrencyOptions(collision_strategy=strategy) if wish.concurrency else None,
    )
    return str(found)


def parameters_of(wish: Wish) -> dict[str, Any]:
    """What each run is given unless its form says otherwise."""
    model = {"model": wish.model} if wish.model else {}
    budget = {"budget": wish.budget.model_dump(exclude_none=True)} if wish.budget else {}
    return {"plan": wish.stored.reference, "inputs": input_defaults(wish.plan), **model, **budget}


def _as_it_runs(wish: Wish) -> Plan:
    return wish.plan.model_copy(update={"budget": wish.budget}) if wish.budget else wish.plan


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


def _form_link(page: str | None, wish: Wish) -> str | None:
    if page is None:
        return None
    link = f"{page}/run?parameters={quote(json.dumps(parameters_of(wish), ensure_ascii=False))}"
    return link if len(link) <= MAX_LINK_CHARS else f"{page}/run"
