"""What `deadletters` finds, and how it is shown."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agentic_prefect.bootstrap.dead_letters import dead_letter, dead_letters, discard, failures_within
from agentic_prefect.cli.recollection import moment
from agentic_prefect.models.history import DeadLetterEntry, FailureEntry, HistoryQuery
from agentic_prefect.reports.wording import counted, one_line, printable
from agentic_prefect.settings import AgenticSettings

find = dead_letter


def look(status: str | None, plan: str | None, since: str, latest: int, rehearsals: bool) -> Sequence[DeadLetterEntry]:
    """The letters that are meant, the latest first; `None` is any status."""
    return dead_letters(
        HistoryQuery(status=status, plan=plan, since=moment(since), latest=latest, rehearsals=rehearsals)
    )


def none_found() -> str:
    """What is said when there are none, which may be because none are kept."""
    if AgenticSettings().history:
        return "No such dead letter is recorded."
    return "No dead letters are kept: the history is off (PREFECT_INTEGRATIONS_AGENTIC_HISTORY)."


def put_aside(reference: str, reason: str) -> str:
    """Discard a letter, and say what has become of it."""
    return fate(discard(find(reference), reason))


def fate(letter: DeadLetterEntry) -> str:
    """What has become of a letter, as a sentence."""
    name = f"Dead letter {letter.id[:8]} ({letter.plan}: {letter.task_id})"
    match letter.status:
        case "open":
            return f"{name} is open."
        case "resolved":
            return f"{name} is resolved: run {letter.resolved_by} did without the failure."
        case "discarded":
            return f"{name} is discarded: {printable(letter.comment)}."


def as_data(letter: DeadLetterEntry) -> dict[str, Any]:
    """The letter for programs, with the failures inside of a sub-plan."""
    within = [failure.model_dump(mode="json") for failure in failures_within(letter)]
    return {**letter.model_dump(mode="json"), **({"within": within} if within else {})}


def table(found: Sequence[DeadLetterEntry]) -> RenderableType:
    """The letters, a row each."""
    page = Table("Letter", "Plan", "Task", "Failed", "Attempts", "Error", "Message", box=None, pad_edge=False)
    with_status = any(letter.status != "open" for letter in found)
    if with_status:
        page.add_column("Status")
    for letter in found:
        page.add_row(
            letter.id[:8],
            letter.plan,
            letter.task_id,
            f"{letter.updated_at:%d %b %H:%M}" if letter.status == "open" else f"{letter.at:%d %b %H:%M}",
            str(len(letter.errors)),
            letter.code,
            Text(one_line(letter.message, 60)),
            *([letter.status] if with_status else []),
        )
    return page


def shown(letter: DeadLetterEntry) -> RenderableType:
    """One letter: what failed, every attempt, and the way out."""
    again = f" for the {_ordinal(letter.times)} time" if letter.times > 1 else ""
    head = (
        f"Task {letter.task_id} of plan {letter.plan} failed for good{again} in run {letter.run_id}\n"
        f"{letter.code}: {printable(letter.message)}\n\n{counted(len(letter.errors), 'attempt')}:"
    )
    attempts = Table("Task", "Attempt", "When", "Error", "Model", "Message", box=None, pad_edge=False)
    for each in letter.errors:
        attempts.add_row(
            each.task_id,
            "-" if each.attempt is None else str(each.attempt),
            f"{each.at:%d %b %H:%M:%S}",
            each.code,
            each.model or "-",
            Text(one_line(each.message, 80)),
        )
    within = failures_within(letter)
    end = (
        f"To do it again without paying for what is done: agentic-prefect deadletters replay {letter.id[:8]}"
        if letter.status == "open"
        else fate(letter)
    )
    return Group(Text(head), attempts, *(("", "Within:", _within(within)) if within else ()), "", Text(end))


def _within(failures: Sequence[FailureEntry]) -> RenderableType:
    page = Table("Task", "Attempt", "When", "Error", "Model", "Message", box=None, pad_edge=False)
    for each in failures:
        page.add_row(
            each.task_id,
            str(each.attempt),
            f"{each.at:%d %b %H:%M:%S}",
            each.code,
            each.model or "-",
            Text(one_line(each.message, 80)),
        )
    return page


def _ordinal(number: int) -> str:
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
