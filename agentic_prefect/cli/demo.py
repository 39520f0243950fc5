"""`agentic-prefect demo`."""

from typing import Annotated

from cyclopts import Parameter

from agentic_prefect.cli.exit_codes import ExitCode


def demo(
    *,
    stop: Annotated[bool, Parameter(negative=())] = False,
    rehearse: Annotated[bool, Parameter(negative=())] = False,
) -> ExitCode:
    """Watch a plan run with a small model on this machine; no key needed.

    Starts a Prefect server of its own and the local model, lets one call meet a rate limit and one branch fail, and
    leaves a report in the working folder. The server and the model stay, so that the run can be looked at.

    Args:
        stop: End the server and the model that an earlier demo left running.
        rehearse: Ask no model; answers are made up from the schemas.
    """
    # Loaded here, so that the help does not wait for Prefect.
    from agentic_prefect.cli.demonstration import end_demo, give_demo

    return end_demo() if stop else give_demo(rehearse=rehearse)
