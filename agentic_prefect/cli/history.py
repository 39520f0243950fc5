"""`agentic-prefect history`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from agentic_prefect.cli.terminal import stdout
from agentic_prefect.plans.spans import LONGEST

app = App(name="history", help="Look at earlier runs, and at what went wrong in them.", help_format="plaintext")

Format = Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))]
RunReference = Annotated[str, Parameter(name="run")]


@app.command(name="list")
def list_runs(
    *,
    status: str | None = None,
    plan: str | None = None,
    since: str = "",
    latest: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 20,
    rehearsals: Annotated[bool, Parameter(negative=())] = False,
    format: Format = "text",
) -> None:
    """List earlier runs, the latest first.

    Args:
        status: Only those: completed, partial_failure, failed, cancelled, or running.
        plan: Only those of this plan.
        since: Only those of this time, such as 90m, 12h, 7d, 4w.
        latest: At most so many.
        rehearsals: List rehearsals, too.
        format: A table for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: pydantic and SQLAlchemy take a while.
    from agentic_prefect.cli.recollection import runs, runs_table

    found = runs(status, plan, since, latest, rehearsals)
    if format == "json":
        sys.stdout.write(json.dumps([run.model_dump(mode="json") for run in found], indent=2) + "\n")
    elif found:
        stdout().print(runs_table(found))
    else:
        stdout().print("No such run is recorded.")


@app.command
def show(run: RunReference, /, *, format: Format = "text") -> None:
    """Show one run: its tasks, and every failed attempt with what was done about it.

    Args:
        run: The id of the run, or the beginning of it.
        format: A table for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: pydantic and SQLAlchemy take a while.
    from agentic_prefect.cli.recollection import look_up, shown

    found = look_up(run)
    if format == "json":
        data = {
            "run": found.run.model_dump(mode="json"),
            "tasks": [task.model_dump(mode="json") for task in found.tasks],
            "failures": [failure.model_dump(mode="json") for failure in found.failures],
        }
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
    else:
        stdout().print(shown(found), soft_wrap=True)


@app.command
def report(*, days: Annotated[float, Parameter(validator=validators.Number(gt=0, lte=LONGEST.days))] = 30.0) -> None:
    """Write what the history shows: what fails and where, what helped, what has become worse. Markdown.

    Args:
        days: How far to look back.
    """
    # Loaded here, as in the other commands: pydantic and SQLAlchemy take a while.
    from agentic_prefect.cli.recollection import patterns_of

    sys.stdout.write(patterns_of(days))


@app.command
def prune(*, older_than: str) -> None:
    """Remove runs in which nothing has changed for a time, with all that is recorded of them.

    Args:
        older_than: For how long, such as 12h, 30d, 8w.
    """
    # Loaded here, as in the other commands: pydantic and SQLAlchemy take a while.
    from agentic_prefect.cli.recollection import remove

    removed = remove(older_than)
    stdout().print(f"Removed {removed} {'entry' if removed == 1 else 'entries'}.")
