"""Questions to people at the terminal: shown, asked, answered."""

import asyncio
import getpass
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
from pydantic import SecretStr
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.table import Table

from agentic_prefect.blocks.refusal import refusal
from agentic_prefect.cli.server import ServerUnreachable, require_server
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.interventions import inbox, keys
from agentic_prefect.interventions.forms import description, may_need_budget, may_need_key
from agentic_prefect.interventions.inbox import Waiting
from agentic_prefect.models.intervention import Intervention
from agentic_prefect.plans.answers import MAX_ANSWER_CHARS, Answer, AnswerRefused, decision_from
from agentic_prefect.plans.names import telling_chars
from agentic_prefect.reports.wording import one_line

KEY_PROMPT = "New key, not shown (empty: none): "


def look() -> Sequence[Waiting]:
    """The open questions."""
    return _on_server(inbox.waiting())


def find(reference: str) -> Waiting:
    """The open question that is meant."""
    return _on_server(inbox.find(reference))


def respond(question: Waiting, answer: Answer) -> None:
    """Hand an answer in.

    Raises:
        UsageError: It does not fit.
    """
    try:
        _on_server(inbox.respond(question, answer))
    except AnswerRefused as error:
        raise UsageError(str(error)) from error


def user() -> str:
    """Who sits at this machine; empty when the system does not say."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def text_of(output: str, output_file: Path | None) -> str:
    """The output that was given, or that a file holds.

    Raises:
        UsageError: Both were given, or the file cannot be read.
    """
    if output_file is None:
        return output
    if output:
        raise UsageError("Give `--output` or `--output-file`, not both.")
    try:
        with output_file.open(encoding="utf-8") as file:
            return file.read(MAX_ANSWER_CHARS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The file {str(output_file)!r} cannot be read: {error}. Give a text file.") from error


def table(found: Sequence[Waiting]) -> Table:
    """The open questions, a row each."""
    page = Table("Run", "Plan", "Task", "Priority", "Since", "Until", "Question", box=None, pad_edge=False)
    length = telling_chars(each.run_id for each in found)
    for each in found:
        question = each.intervention
        page.add_row(
            each.run_id[:length],
            question.plan,
            question.task_id,
            question.priority,
            f"{each.since:%d %b %H:%M}",
            f"{each.until:%d %b %H:%M}" if each.until else "no deadline",
            one_line(question.question, 60),
        )
    return page


def shown(question: Waiting) -> RenderableType:
    """One question with everything that belongs to it."""
    actions = ", ".join(question.intervention.actions)
    where = f"{question.run_id}/{question.intervention.task_id}" if question.together else question.run_id
    how = f"Decide with `agentic-prefect interventions respond {where} --decision …`: {actions}."
    return Group(Markdown(description(question.intervention)), "", how)


def ask(question: Waiting, by: str, console: Console) -> Answer:
    """An answer, asked for at the terminal.

    Raises:
        UsageError: There is no terminal to ask at.
    """
    if not sys.stdin.isatty():
        actions = ", ".join(question.intervention.actions)
        raise UsageError(f"This is no terminal to ask at. Give `--decision`: {actions}.")
    console.print(shown(question))

    async def keep(key: SecretStr) -> str:
        name = block_for(question)
        await keys.keep_in_block(name, key)
        return name

    return asyncio.run(conversation(question.intervention, by, _Input(), keep))


def with_credentials(question: Waiting, answer: Answer) -> Answer:
    """The answer with a new key, which is read without being shown, or from a pipe, and saved as a Secret block.

    Raises:
        UsageError: No key came.
    """
    answer = replace(answer, secret_block=answer.secret_block or block_for(question))
    try:
        fitting = decision_from(question.intervention, answer, now=datetime.now(UTC))
    except AnswerRefused as error:
        raise UsageError(str(error)) from error
    if not fitting.secret_block:
        raise UsageError(f"A new key goes with `--decision retry`, not {fitting.action!r}.")
    typed = getpass.getpass(KEY_PROMPT, stream=sys.stderr) if sys.stdin.isatty() else sys.stdin.readline()
    if not typed.strip():
        raise UsageError("No key came. Type it at the terminal, or pipe it in: `--credentials < FILE`.")
    _on_server(keys.keep_in_block(answer.secret_block, SecretStr(typed.strip())))
    return answer


def block_for(question: Waiting) -> str:
    """The Secret block that a new key for a question's task is saved as, where none is named."""
    about = f"{question.intervention.plan}-{question.intervention.task_id}"
    return f"key-{re.sub(r'[^a-z0-9]+', '-', about.lower()).strip('-')}"[:60].rstrip("-")


class Reader(Protocol):
    """Reads what somebody types."""

    async def line(self, text: str) -> str:
        """Show a text and read a line."""
        ...

    async def hidden(self, text: str) -> str:
        """The same, and what is typed is not shown."""
        ...


async def conversation(
    intervention: Intervention, by: str, read: Reader, keep: Callable[[SecretStr], Awaitable[str]]
) -> Answer:
    """Ask for everything that an answer to this question needs, a line at a time.

    Args:
        intervention: What is asked.
        by: Who answers.
        read: Reads what is typed.
        keep: Keeps a key, and says what it is called from then on.
    """
    actions = intervention.actions
    decision = (await read.line(f"Decision ({', '.join(actions)}) [{actions[0]}]: ")).strip() or actions[0]
    action = decision.lower().replace("-", "_").replace(" ", "_")
    output = await read.line("Output (text or JSON, one line): ") if action == "supply_output" else ""
    given = await read.line("New input (JSON, one line): ") if action == "edit_input" else ""
    secret = ""
    if action == "retry" and may_need_key(intervention):
        typed = (await read.hidden(KEY_PROMPT)).strip()
        if typed:
            secret = await keep(SecretStr(typed))
        else:
            secret = (await read.line("Prefect Secret block with a new key (empty: none): ")).strip()
    more = ""
    if action in ("retry", "edit_input") and may_need_budget(intervention):
        more = await read.line("How much more (usd=0.50, tokens=20000, calls=10): ")
    comment = await read.line("Comment: ")
    return Answer(decision, comment.strip(), output.rstrip("\n"), given, secret, by, more.strip())


class _Input:
    """Reads at a terminal where nothing else goes on."""

    async def line(self, text: str) -> str:
        return await asyncio.to_thread(input, text)

    async def hidden(self, text: str) -> str:
        return await asyncio.to_thread(getpass.getpass, text)


def _on_server(work: Any) -> Any:
    """The outcome of something that asks the server.

    Raises:
        ServerUnreachable: It does not answer.
        AgenticError: It wants a login, or does not do what it was asked.
    """
    try:
        require_server()
    except ServerUnreachable:
        work.close()
        raise
    try:
        return asyncio.run(work)
    except httpx.HTTPStatusError as error:
        raise refusal(error) from error
    except httpx.TransportError as error:
        raise ServerUnreachable("the Prefect API", str(error) or type(error).__name__) from error
