"""`agentic-prefect deadletters`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.run_flags import NO_FLAGS, RunFlags
from agentic_prefect.cli.terminal import NORMAL, Verbosity, stdout

app = App(
    name="deadletters",
    help="See the tasks that failed for good, and do them again.",
    help_format="plaintext",
)

Format = Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))]
LetterReference = Annotated[str, Parameter(name="letter")]


@app.command(name="list")
def list_letters(
    *,
    status: Literal["open", "resolved", "discarded", "all"] = "open",
    plan: str | None = None,
    since: str = "",
    latest: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 20,
    rehearsals: Annotated[bool, Parameter(negative=())] = False,
    format: Format = "text",
) -> None:
    """List the tasks that failed for good, the latest first.

    Args:
        status: Only those; `resolved` are those that a later run did without, `discarded` those that were put aside.
        plan: Only those of this plan.
        since: Only those of this time, such as 90m, 12h, 7d, 4w.
        latest: At most so many.
        rehearsals: List rehearsals, too.
        format: A table for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: pydantic and SQLAlchemy take a while.
    from agentic_prefect.cli.letters import look, none_found, table

    found = look(None if status == "all" else status, plan, since, latest, rehearsals)
    if format == "json":
        sys.stdout.write(json.dumps([letter.model_dump(mode="json") for letter in found], indent=2) + "\n")
    elif found:
        stdout().print(table(found))
    else:
        stdout().print(none_found(), soft_wrap=True)


@app.command
def show(letter: LetterReference, /, *, format: Format = "text") -> None:
    """Show one of them: what failed, every attempt, and how to go on.

    Args:
        letter: The letter's id, or the beginning of it.
        format: Text for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: pydantic and SQLAlchemy take a while.
    from agentic_prefect.cli.letters import as_data, find, shown

    found = find(letter)
    if format == "json":
        sys.stdout.write(json.dumps(as_data(found), indent=2) + "\n")
    else:
        stdout().print(shown(found), soft_wrap=True)


@app.command
def replay(
    letter: LetterReference,
    /,
    *,
    plan: str = "",
    model: Annotated[str | None, Parameter(name=("--model", "-m"))] = None,
    here: Annotated[bool, Parameter(negative=())] = False,
    abandoned: Annotated[bool, Parameter(negative=())] = False,
    flags: RunFlags = NO_FLAGS,
    verbosity: Verbosity = NORMAL,
) -> ExitCode:
    """Go on from the run in which the task failed: only what is unfinished or changed is paid.

    The letter is resolved when the task has an output, or something stands in for it. One that is not open stays as it
    is, and nothing is run.

    Args:
        letter: The letter's id, or the beginning of it.
        plan: An edited plan in place of the run's own.
        model: In place of the model that the run was given.
        here: Go on in this process, even if the run was one of a deployment. Its results must be within reach.
        abandoned: Its process is gone, though the server has not heard of it.
    """
    # Loaded here, so that the help and a mistake on the command line do not wait for it.
    from agentic_prefect.cli.letters import fate, find
    from agentic_prefect.cli.resuming import Request, execute

    found = find(letter)
    if found.status != "open":
        stdout().print(f"{fate(found)} Nothing was run.", soft_wrap=True)
        return ExitCode.COMPLETED
    return execute(Request(found.run_id, flags, verbosity, plan=plan, model=model, here=here, abandoned=abandoned))


@app.command
def discard(letter: LetterReference, /, *, reason: str) -> None:
    """Put one aside for which nothing is to be done.

    Args:
        letter: The letter's id, or the beginning of it.
        reason: Why; it is kept.
    """
    # Loaded here, as in the other commands: pydantic and SQLAlchemy take a while.
    from agentic_prefect.cli.letters import put_aside

    stdout().print(put_aside(letter, reason), soft_wrap=True)
