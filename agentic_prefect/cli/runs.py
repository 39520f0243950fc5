"""`agentic-prefect runs`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from agentic_prefect.cli.terminal import stdout

app = App(name="runs", help="See the runs of plans on the server, and cancel them.", help_format="plaintext")

Format = Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))]
State = Literal["scheduled", "running", "paused", "completed", "failed", "crashed", "cancelled"]


@app.command(name="list")
def list_runs(
    deployment: str = "",
    /,
    *,
    state: State | None = None,
    latest: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=200))] = 20,
    format: Format = "text",
) -> None:
    """List the runs of plans, the latest first; those that a schedule has planned are among them.

    Args:
        deployment: Only those of this deployment.
        state: Only those in this state.
        latest: At most so many.
        format: A table for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.logbook import listed, table

    found = listed(deployment, state, latest)
    if format == "json":
        sys.stdout.write(json.dumps([each.model_dump(mode="json") for each in found], indent=2) + "\n")
    elif found:
        stdout().print(table(found))
    else:
        stdout().print("There is no such run.")


@app.command
def show(run: str, /, *, format: Format = "text") -> None:
    """Show one run: its state and why, its plan and inputs, who started it, and where to look at it.

    Args:
        run: The run's id or the beginning of it, or its name.
        format: Lines for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.logbook import looked_up, told

    found = looked_up(run)
    if format == "json":
        sys.stdout.write(json.dumps(found.model_dump(mode="json"), indent=2) + "\n")
    else:
        stdout().print(told(found), soft_wrap=True)


@app.command
def cancel(run: str, /) -> None:
    """Cancel a run of a deployment: one that waits ends at once, one that runs ends its tasks and keeps what is done.

    Args:
        run: The run's id or the beginning of it, or its name.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.logbook import call_off

    stdout().print(call_off(run), soft_wrap=True)
