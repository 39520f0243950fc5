"""`agentic-prefect serve`."""

from typing import Annotated

from cyclopts import Parameter, validators

from agentic_prefect.cli.arguments import HYPHEN
from agentic_prefect.cli.exit_codes import ExitCode


def serve(
    plans: Annotated[tuple[str, ...], HYPHEN, Parameter(name="plans", negative=())],
    /,
    *,
    work_pool: str = "agentic",
    limit: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    stay: Annotated[bool, Parameter(negative="--no-stay")] = True,
) -> ExitCode:
    """Deploy plans and run a worker for them in this terminal. For a quick start; Ctrl-C stops it.

    The worker's runs inherit the environment of this command, keys included. What the deployments have beside their
    plans stays: schedules, budget, model, tags, job variables, the limit of runs at once.

    Args:
        plans: Folders with plans, and plans' files or names.
        work_pool: The pool; `agentic` is made if it is not there.
        limit: At most this many runs at once.
        stay: Stay until Ctrl-C; otherwise stop as soon as the worker has been started.
    """
    # Loaded here, so that the help does not wait for Prefect.
    from agentic_prefect.cli.serving import serve

    return serve(plans, pool=work_pool, limit=limit, stay=stay)
