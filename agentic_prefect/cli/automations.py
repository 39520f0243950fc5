"""`agentic-prefect automations`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter

from agentic_prefect.cli.terminal import stdout

app = App(name="automations", help="Have the server act on what happens in runs of plans.", help_format="plaintext")


@app.command(name="list")
def list_automations(
    *, format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text"
) -> None:
    """List the automations that were installed from here.

    Args:
        format: A table for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.watching import listed, table

    found = listed()
    if format == "json":
        sys.stdout.write(json.dumps([each.model_dump() for each in found], indent=2) + "\n")
    elif found:
        stdout().print(table(found))
    else:
        stdout().print("No automation is installed. See `agentic-prefect automations install --help`.")


@app.command
def install(
    *alerts: Literal["failed", "partial-failure", "dead-letter", "budget-exceeded", "waiting", "zombies"],
    notify: str = "",
    waiting_for: str = "1h",
    zombie_after: str = "10m",
) -> None:
    """Install automations, or bring them up to date. One that somebody switched off stays off.

    Args:
        alerts: What to watch for: failed, partial-failure, dead-letter (a task that nothing stands in for),
            budget-exceeded, waiting (a question that nobody answers), zombies (runs whose process is gone end Crashed);
            without any, all of them.
        notify: The notification block that tells of it, as TYPE/NAME, such as slack-webhook/team; `zombies` needs none.
        waiting_for: How long a question may wait before somebody is told, such as 30m.
        zombie_after: How long nothing may be heard of a run, such as 10m.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.watching import install

    for line in install(alerts, notify, waiting_for, zombie_after):
        stdout().print(line, soft_wrap=True)


@app.command
def chain(
    first: str,
    then: str,
    /,
    *,
    input: Annotated[tuple[str, ...], Parameter(name=("--input", "-i"), negative=(), show_default=False)] = (),
) -> None:
    """Run a deployment whenever another one has completed.

    Args:
        first: The deployment that is waited for.
        then: The deployment that runs afterwards.
        input: A value for one of its plan's inputs, as NAME=VALUE; again for each further one.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.watching import link

    stdout().print(link(first, then, input), soft_wrap=True)


@app.command
def remove(name: str, /) -> None:
    """Remove an automation that was installed from here.

    Args:
        name: What `list` calls it.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.watching import take_away

    take_away(name)
    stdout().print(f"Removed the automation {name!r}.", soft_wrap=True)
