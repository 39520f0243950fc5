"""What `deploy` does: keep the plan, make the deployment, say where it is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentic_prefect.blocks.plan_store import save_plan
from agentic_prefect.bootstrap.keeping import plan_to_keep
from agentic_prefect.cli.clear_text import require_no_keys
from agentic_prefect.cli.run_input import budget_of, given_inputs, job_variables_of, require_complete
from agentic_prefect.cli.server import ask_server, has_server, require_server
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.cli.timing_flags import TimingFlags
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.errors import ConnectionLost
from agentic_prefect.hosting.automations import ZOMBIE_AFTER, install_zombies_unless_there
from agentic_prefect.hosting.deploying import SLUG, Collision, Deployed, Wish, deploy
from agentic_prefect.hosting.timing import Timing, cron, interval, rrule
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.form import input_defaults

NAME = r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}"
"""What a deployment may be called here; a slash would part it from its flow."""


class NoServer(ConnectionLost):
    """A command works on a server that stays, and none is set."""

    def __init__(self) -> None:
        super().__init__(
            "This needs a Prefect server that stays, and none is set. Start one (`agentic-prefect dev`, or `prefect "
            "server start`) and set PREFECT_API_URL."
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed."""

    plan: str
    name: str
    model: str
    budget: tuple[str, ...]
    tags: tuple[str, ...]
    note: str
    timing: TimingFlags
    pool: str
    queue: str
    working_dir: str
    job_variables: tuple[str, ...]
    concurrency: int | None
    collision: Collision


def launch(request: Request) -> None:
    """Deploy a plan and say where it is.

    Raises:
        AgenticError: The plan would not run, a schedule is wrong, or the server does not answer; nothing was changed.
    """
    _require_sensible(request)
    plan, budget = plan_to_keep(request.plan), budget_of(request.budget)
    job_variables = job_variables_of(request.job_variables, request.working_dir)
    require_no_keys(input_defaults(plan), "default of the input")
    require_no_keys(job_variables, "job variable")
    timings = timings_of(request.timing, plan)
    require_lasting_server()
    stored, is_new = save_plan(plan, note=request.note)
    wish = Wish(
        plan=plan,
        stored=stored,
        name=request.name or plan.name,
        timings=timings,
        pool=request.pool,
        queue=request.queue,
        concurrency=request.concurrency,
        collision=request.collision,
        tags=request.tags,
        model=request.model,
        budget=budget,
        job_variables=job_variables,
    )
    made = ask_server(deploy(wish))
    _tell(wish, made, watching=watch_runs(), is_new=is_new)


def watch_runs() -> list[str]:
    """Have the server end runs of plans whose process is gone; what there is to say about it, a line or none."""
    # A run whose machine is gone would stay Running for ever: nobody is left to say otherwise.
    name = ask_server(install_zombies_unless_there())
    about = f"runs of plans of which nothing is heard for {ZOMBIE_AFTER} end Crashed."
    return [f"Installed the automation {name!r}: {about}"] if name else []


def require_lasting_server() -> None:
    """Make sure that there is a server, and that it is not one of this command alone.

    Raises:
        NoServer: None is set.
        ServerUnreachable: It does not answer.
    """
    if not has_server():
        raise NoServer
    require_server()


def timings_of(flags: TimingFlags, plan: Plan | None, *, slug: str = "") -> Sequence[Timing]:
    """The schedules that the options ask for.

    Args:
        flags: The options.
        plan: The plan whose inputs are meant; `None` takes every input as text.
        slug: What the only one of them is called; empty numbers them.

    Raises:
        PlanInvalid: A schedule or an input is wrong.
        UsageError: Inputs are given, and no schedule; or one of them holds a key.
    """
    zone = flags.timezone
    found = [
        *(cron(text, zone) for text in flags.cron),
        *(interval(text, zone) for text in flags.interval),
        *(rrule(text, zone) for text in flags.rrule),
    ]
    if not found and (flags.schedule_input or zone):
        raise UsageError("A time zone or an input for scheduled runs needs a schedule. Add `--cron`, or one like it.")
    inputs = _inputs(flags, plan, needed=bool(found))
    parameters = {"inputs": dict(inputs)} if inputs else {}
    return [Timing(slug or f"{SLUG}{place}", each, parameters) for place, each in enumerate(found, start=1)]


def _require_sensible(request: Request) -> None:
    if request.name and not re.fullmatch(NAME, request.name):
        raise UsageError(f"The name {request.name!r} will not do. Use letters, digits, blanks and . _ -, at most 100.")
    if request.collision != "enqueue" and not request.concurrency:
        raise UsageError(
            f"`--collision {request.collision}` says what becomes of runs beyond a limit, and none is given. Add "
            f"`--concurrency 1`."
        )


def _inputs(flags: TimingFlags, plan: Plan | None, *, needed: bool) -> Mapping[str, Any]:
    if plan is None:
        if flags.schedule_input:
            raise UsageError("This deployment runs no plan, so that there are no inputs to give.")
        return {}
    given = given_inputs(plan, flags.schedule_input)
    require_no_keys(given, "input")
    if needed:
        require_complete(plan, given, option="--schedule-input")
    return given


def _tell(wish: Wish, made: Deployed, *, watching: Sequence[str], is_new: bool) -> None:
    plan = f"{wish.stored.reference} ({'saved' if is_new else 'as it was saved'})"
    lines = [f"{'Deployed' if made.is_new else 'Brought up to date'}: {made.name}, which runs {plan}."]
    lines += [f"Removed the schedule {slug!r}." for slug in made.removed]
    if made.made_pool:
        lines.append(f"Made the work pool {wish.pool!r}.")
    lines += watching
    lines += [f"Page: {made.page}", f"Run it, the form filled in: {made.form}"]
    lines.append(f"A worker runs it: prefect worker start --pool {wish.pool}")
    stdout().print("\n".join(lines), soft_wrap=True)
