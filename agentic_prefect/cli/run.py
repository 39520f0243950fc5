"""`agentic-prefect run`."""

from typing import Annotated

from cyclopts import Parameter

from agentic_prefect.cli.arguments import PlanReference
from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.run_flags import NO_FLAGS, RunFlags
from agentic_prefect.cli.terminal import NORMAL, Verbosity


def run(
    plan: PlanReference,
    *,
    model: Annotated[str | None, Parameter(name=("--model", "-m"))] = None,
    flags: RunFlags = NO_FLAGS,
    verbosity: Verbosity = NORMAL,
) -> ExitCode:
    """Run a plan and show how it goes.

    Ctrl-C ends the run and keeps what there is so far; a second Ctrl-C ends the program at once.

    Args:
        plan: A plan's file, the name of a stored plan, or `-` for standard input.
        model: The model of tasks, agents and plans that name none: CONNECTION/MODEL, a connection's name, or a model.
    """
    # Loaded here, so that the help and a mistake on the command line do not wait for it.
    from agentic_prefect.cli.running import Request, execute

    return execute(Request(plan=plan, flags=flags, verbosity=verbosity, model=model))
