"""`agentic-prefect resume` and `agentic-prefect rerun`."""

from typing import Annotated

from cyclopts import Parameter

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.run_flags import NO_FLAGS, RunFlags
from agentic_prefect.cli.terminal import NORMAL, Verbosity

RunReference = Annotated[str, Parameter(name="run")]


def resume(
    run: RunReference,
    /,
    *,
    plan: str = "",
    model: Annotated[str | None, Parameter(name=("--model", "-m"))] = None,
    here: Annotated[bool, Parameter(negative=())] = False,
    abandoned: Annotated[bool, Parameter(negative=())] = False,
    flags: RunFlags = NO_FLAGS,
    verbosity: Verbosity = NORMAL,
) -> ExitCode:
    """Go on from a run that has ended: only what is unfinished or changed is paid.

    A run of a deployment goes on in a new run of the deployment, on its workers.

    Args:
        run: The id of the run, the beginning of it, or the run's name.
        plan: An edited plan in place of the run's own; only tasks whose work has changed are done again.
        model: In place of the model that the run was given.
        here: Go on in this process, even if the run was one of a deployment. Its results must be within reach.
        abandoned: Its process is gone, though the server has not heard of it.
    """
    # Loaded here, so that the help and a mistake on the command line do not wait for it.
    from agentic_prefect.cli.resuming import Request, execute

    return execute(Request(run, flags, verbosity, plan=plan, model=model, here=here, abandoned=abandoned))


def rerun(
    run: RunReference,
    /,
    *,
    from_: Annotated[str, Parameter(name="--from")],
    plan: str = "",
    model: Annotated[str | None, Parameter(name=("--model", "-m"))] = None,
    here: Annotated[bool, Parameter(negative=())] = False,
    abandoned: Annotated[bool, Parameter(negative=())] = False,
    flags: RunFlags = NO_FLAGS,
    verbosity: Verbosity = NORMAL,
) -> ExitCode:
    """Do one task of a run again, and everything that comes after it.

    The rest is taken over, in a new run.

    Args:
        run: The id of the run, the beginning of it, or the run's name.
        from_: The task to begin from; an item of a fan-out is `id[index]`.
        plan: An edited plan in place of the run's own.
        model: In place of the model that the run was given.
        here: Go on in this process, even if the run was one of a deployment. Its results must be within reach.
        abandoned: Its process is gone, though the server has not heard of it.
    """
    # Loaded here, so that the help and a mistake on the command line do not wait for it.
    from agentic_prefect.cli.resuming import Request, execute

    return execute(Request(run, flags, verbosity, plan=plan, model=model, here=here, abandoned=abandoned, point=from_))
