"""`agentic-prefect dev`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from agentic_prefect.cli.exit_codes import ExitCode


def dev(
    *,
    port: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=65_535))] = 4200,
    prefect_file: Path | None = None,
    stay: Annotated[bool, Parameter(negative="--no-stay")] = True,
) -> ExitCode:
    """Start a local Prefect server and a worker, and deploy the flows. Ctrl-C stops what was started.

    The worker's runs inherit the environment of this command, keys included.

    Args:
        port: The server's port. A server that `agentic-prefect demo` left running is used as it is.
        prefect_file: The deployments; without it `prefect.yaml` or `deployments/prefect.yaml` of the working folder,
            or, if there is neither, one deployment that runs any plan.
        stay: Stay until Ctrl-C; otherwise stop as soon as everything has been started.
    """
    # Loaded here, so that the help does not wait for Prefect.
    from agentic_prefect.cli.workshop import open_workshop

    return open_workshop(port=port, prefect_file=prefect_file, stay=stay)
