"""`agentic-prefect rehearse`."""

from typing import Annotated

from cyclopts import Parameter

from agentic_prefect.cli.arguments import PlanReference
from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.run_flags import NO_FLAGS, RunFlags
from agentic_prefect.cli.terminal import NORMAL, Verbosity


def rehearse(
    plan: PlanReference,
    *,
    fail: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
    flags: RunFlags = NO_FLAGS,
    verbosity: Verbosity = NORMAL,
) -> ExitCode:
    """Run a plan without a model: answers are made up from the schemas.

    Args:
        plan: A plan's file, the name of a stored plan, or `-` for standard input.
        fail: Let a task fail, as TASK:CODExTIMES: search:429x2 fails its first two calls; again for more.
    """
    # Loaded here, so that the help and a mistake on the command line do not wait for it.
    from agentic_prefect.cli.running import Request, execute

    return execute(Request(plan=plan, flags=flags, verbosity=verbosity, rehearse=True, faults=fail))
