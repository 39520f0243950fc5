"""`agentic-prefect plans`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter

from agentic_prefect.cli.arguments import PlanReference
from agentic_prefect.cli.terminal import stdout

app = App(name="plans", help="Keep plans on the Prefect server, in versions.", help_format="plaintext")

Format = Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))]


@app.command(name="list")
def list_plans(name: str = "", /, *, format: Format = "text") -> None:
    """List the plans that can be run by name: the files that are found here, and what the Prefect server holds.

    Args:
        name: A plan, to list all of its versions; without it the latest of each.
        format: A table for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.shelf import listed, table

    found = listed(name)
    if format == "json":
        sys.stdout.write(json.dumps([each.model_dump() for each in found], indent=2) + "\n")
    elif found:
        stdout().print(table(found))
    else:
        stdout().print("There is no plan.")


@app.command
def show(plan: PlanReference, /) -> None:
    """Write a plan as YAML.

    Args:
        plan: A name, with or without a version as in research@3, or a file.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.shelf import text_of

    sys.stdout.write(text_of(plan))


@app.command
def save(plan: PlanReference, /, *, note: str = "") -> None:
    """Check a plan and save it on the server; nothing is saved when nothing has changed since the latest version.

    Sub-plans that it names are saved inside of it.

    Args:
        plan: A file, a name, or `-` for standard input.
        note: A word about it, for the list.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.shelf import keep

    stdout().print(keep(plan, note), soft_wrap=True)


@app.command
def diff(before: PlanReference, after: PlanReference = "", /) -> None:
    """Show what differs between two plans, as a unified diff; nothing is written when they are the same.

    Args:
        before: A version such as research@2, a name, or a file.
        after: The same; without it the latest version on the server.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.shelf import difference

    sys.stdout.write(difference(before, after))


@app.command
def delete(plan: str, /, *, all_versions: Annotated[bool, Parameter(name="--all", negative=())] = False) -> None:
    """Delete a version of a plan on the server, or with `--all` the whole plan. What a deployment runs stays.

    Args:
        plan: The version, such as research@2; with `--all` the name.
        all_versions: Delete every version.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.shelf import forget

    stdout().print(forget(plan, all_versions=all_versions), soft_wrap=True)
