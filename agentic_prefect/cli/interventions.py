"""`agentic-prefect interventions`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from agentic_prefect.cli.terminal import stderr, stdout

app = App(
    name="interventions",
    help="See the questions that wait for people, and answer them.",
    help_format="plaintext",
)


@app.command(name="list")
def list_open(*, format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text") -> None:
    """List the questions that are open, the oldest first.

    Args:
        format: A table for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.questions import look, table

    found = look()
    if format == "json":
        data = [
            {"run_id": each.run_id, "since": each.since.isoformat(), **each.intervention.model_dump(mode="json")}
            for each in found
        ]
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
    elif found:
        stdout().print(table(found))
    else:
        stdout().print("Nothing waits for an answer.")


@app.command
def show(question: str, /) -> None:
    """Show one question: what is asked, why, and what may be decided.

    Args:
        question: The run's id or the beginning of it, or the id of the task.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.questions import find, shown

    stdout().print(shown(find(question)), soft_wrap=True)


@app.command
def respond(
    question: str,
    /,
    *,
    decision: Annotated[str, Parameter(name=("--decision", "-d"))] = "",
    output: Annotated[str, Parameter(name=("--output", "-o"))] = "",
    output_file: Path | None = None,
    input: Annotated[str, Parameter(name=("--input", "-i"))] = "",
    comment: Annotated[str, Parameter(name=("--comment", "-c"))] = "",
    secret_block: str = "",
    credentials: Annotated[bool, Parameter(negative=())] = False,
    more: str = "",
    by: str = "",
) -> None:
    """Answer a question. Without `--decision` a terminal asks for everything.

    Args:
        question: The run's id or the beginning of it, or the id of the task.
        decision: What to do, one of what `show` lists.
        output: For supply_output: what the task is to put out, as text or JSON.
        output_file: The same, from a file.
        input: For edit_input: the task's new input, as JSON.
        comment: Why; it is kept with the decision.
        secret_block: For retry: the Prefect Secret block that holds a new key. Never the key itself.
        credentials: For retry, and what is decided unless it is said otherwise: read a new key, at a terminal without
            showing it, and save it as a Secret block, that of `--secret-block` where it is given.
        more: For retry of a task that its budget stopped: how much more may be spent, such as usd=0.50.
        by: Who decides; your user's name unless it is given.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli import questions
    from agentic_prefect.plans.answers import Answer

    found = questions.find(question)
    if decision or credentials:
        answer = Answer(
            decision or "retry",
            comment,
            questions.text_of(output, output_file),
            input,
            secret_block,
            by or questions.user(),
            more,
        )
        if credentials:
            answer = questions.with_credentials(found, answer)
    else:
        answer = questions.ask(found, by or questions.user(), stderr())
    questions.respond(found, answer)
    stdout().print(f"Handed in: {answer.decision} for task {found.intervention.task_id!r}.")
