"""`agentic-prefect settings`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from agentic_prefect.cli.terminal import stdout


def settings(*, format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text") -> None:
    """Show every setting that holds here, and where it was set. No secret is ever printed.

    A task's, an agent's and a plan's own value go before a flag, and that before the settings: the environment, `.env`,
    `prefect.toml`, `pyproject.toml`, the Prefect profile, the default. What holds for a task is told by `explain`.

    Args:
        format: A table for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.preferences import as_data, found, table

    if format == "json":
        sys.stdout.write(json.dumps([as_data(each) for each in found()], indent=2) + "\n")
    else:
        stdout().print(table(found()))
        stdout().print(
            "The variable of a setting is PREFECT_INTEGRATIONS_AGENTIC_ with its name in capitals after it, such as "
            "PREFECT_INTEGRATIONS_AGENTIC_RETRIES.",
            soft_wrap=True,
        )
