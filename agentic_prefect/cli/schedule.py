"""`agentic-prefect schedule`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter

from agentic_prefect.cli.terminal import stdout
from agentic_prefect.cli.timing_flags import NOT_TIMED, TimingFlags

app = App(name="schedule", help="See and change when deployments run by themselves.", help_format="plaintext")


@app.command(name="list")
def list_schedules(
    deployment: str = "", /, *, format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text"
) -> None:
    """List the schedules of deployments of plans.

    Args:
        deployment: Only those of this deployment.
        format: A table for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.timetable import listed, table

    found = listed(deployment)
    if format == "json":
        sys.stdout.write(json.dumps([each.model_dump(mode="json") for each in found], indent=2) + "\n")
    elif found:
        stdout().print(table(found))
    else:
        stdout().print("There is no schedule.")


@app.command
def add(
    deployment: str,
    /,
    *,
    name: Annotated[str, Parameter(name=("--name", "-n"))],
    timing: TimingFlags = NOT_TIMED,
) -> None:
    """Add a schedule to a deployment, with inputs of its own if they are given; `deploy` leaves it as it is.

    Args:
        deployment: What the deployment is called.
        name: What the schedule is called.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.timetable import add

    add(deployment, name, timing)
    stdout().print(f"Added the schedule {name!r} to {deployment!r}.", soft_wrap=True)


@app.command
def pause(deployment: str, schedule: str, /) -> None:
    """Let a schedule make no more runs until it is resumed; those that it has planned are taken back.

    Args:
        deployment: What the deployment is called.
        schedule: What the schedule is called.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.timetable import switch

    switch(deployment, schedule, active=False)
    stdout().print(f"Paused the schedule {schedule!r} of {deployment!r}.", soft_wrap=True)


@app.command
def resume(deployment: str, schedule: str, /) -> None:
    """Let a schedule make runs again.

    Args:
        deployment: What the deployment is called.
        schedule: What the schedule is called.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.timetable import switch

    switch(deployment, schedule, active=True)
    stdout().print(f"Resumed the schedule {schedule!r} of {deployment!r}.", soft_wrap=True)


@app.command
def remove(deployment: str, schedule: str, /) -> None:
    """Remove a schedule, and the runs that it has planned.

    Args:
        deployment: What the deployment is called.
        schedule: What the schedule is called.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.timetable import take_away

    take_away(deployment, schedule)
    stdout().print(f"Removed the schedule {schedule!r} of {deployment!r}.", soft_wrap=True)
