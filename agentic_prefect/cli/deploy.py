"""`agentic-prefect deploy`."""

from typing import Annotated, Literal

from cyclopts import Group, Parameter, validators

from agentic_prefect.cli.arguments import PlanReference
from agentic_prefect.cli.timing_flags import NOT_TIMED, TimingFlags

WHERE = Group("Where and how many", sort_key=3)


def deploy(
    plan: PlanReference,
    *,
    name: Annotated[str, Parameter(name=("--name", "-n"))] = "",
    model: Annotated[str, Parameter(name=("--model", "-m"))] = "",
    budget: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
    tag: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
    note: str = "",
    timing: TimingFlags = NOT_TIMED,
    work_pool: Annotated[str, Parameter(group=WHERE)] = "agentic",
    work_queue: Annotated[str, Parameter(group=WHERE)] = "",
    working_dir: Annotated[str, Parameter(group=WHERE)] = "",
    job_variable: Annotated[tuple[str, ...], Parameter(group=WHERE, negative=(), show_default=False)] = (),
    concurrency: Annotated[int | None, Parameter(group=WHERE, validator=validators.Number(gte=0))] = None,
    collision: Annotated[Literal["enqueue", "cancel-new"], Parameter(group=WHERE)] = "enqueue",
) -> None:
    """Deploy a plan, with a form of its own, and on a schedule if you like. The plan is saved on the server.

    The same again changes nothing; after an edit the deployment runs the new version, and schedules that are not asked
    for any more go. What `schedule add` added stays, and so do work queue, job variables and the limit of runs at once
    unless they are given.

    Args:
        plan: A file, the name of a stored plan, with or without a version, or `-` for standard input.
        name: What the deployment is called; the plan's name unless it is given.
        model: The model of tasks that name none, as CONNECTION/MODEL.
        budget: A limit of each run in place of the plan's: usd=0.50, tokens=20000, calls=60, wall_s=600; repeatable.
        tag: A tag for the runs; again for each further one.
        note: A word about this version of the plan.
        work_pool: The pool whose workers run it; `agentic` is made if it is not there.
        work_queue: The queue of that pool; it is made if it is not there.
        working_dir: The folder that runs start in, on the worker; for plans that name functions in files there.
        job_variable: What the pool's workers are told of a run's process, as KEY=VALUE such as image=agents:2, with
            JSON or text as the value; again for each further one. Those of other names stay.
        concurrency: At most this many runs at once, whoever started them; 0 lifts the limit.
        collision: What becomes of a run beyond that: it waits, or it is cancelled.
    """
    # Loaded here, so that the help and a mistake on the command line do not wait for Prefect.
    from agentic_prefect.cli.launching import Request, launch

    launch(
        Request(
            plan=plan,
            name=name,
            model=model,
            budget=budget,
            tags=tag,
            note=note,
            timing=timing,
            pool=work_pool,
            queue=work_queue,
            working_dir=working_dir,
            job_variables=job_variable,
            concurrency=concurrency,
            collision=collision,
        )
    )
