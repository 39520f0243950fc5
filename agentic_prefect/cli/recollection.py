"""The history at the terminal: asked, and shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table

from agentic_prefect.bootstrap.history import open_history
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.history.patterns import find_patterns
from agentic_prefect.models.history import (
    RUNNING,
    FailureEntry,
    HistoryQuery,
    RunEntry,
    TaskEntry,
)
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.plans.names import did_you_mean, telling_chars
from agentic_prefect.plans.spans import span
from agentic_prefect.reports.patterns import patterns
from agentic_prefect.reports.wording import cost, duration, number, one_line

FIELDS: Final = {"type": "code", "task": "task_id"}
"""What is called otherwise in the history."""

STATUSES: Final = (*(status.value for status in PlanStatus), RUNNING)


@dataclass(frozen=True, slots=True)
class Remembered:
    """One run with all that is recorded of it, tasks and failures in the order of time."""

    run: RunEntry
    tasks: Sequence[TaskEntry]
    failures: Sequence[FailureEntry]


def counts(by: str, since: str, plan: str | None, rehearsals: bool) -> Mapping[str, int]:
    """How many attempts failed, for each value."""
    query = HistoryQuery(since=moment(since), plan=plan, rehearsals=rehearsals)
    return open_history().count(FailureEntry, FIELDS.get(by, by), query)


def runs(status: str | None, plan: str | None, since: str, latest: int, rehearsals: bool) -> Sequence[RunEntry]:
    """Earlier runs, the latest first.

    Raises:
        UsageError: There is no such status.
    """
    if status is not None and status not in STATUSES:
        hint = did_you_mean(status, STATUSES)
        raise UsageError(f"No run has the status {status!r}. {hint} There are: {', '.join(STATUSES)}.")
    query = HistoryQuery(status=status, plan=plan, since=moment(since), latest=latest, rehearsals=rehearsals)
    return open_history().find(RunEntry, query)


def look_up(reference: str) -> Remembered:
    """The run that is meant.

    Raises:
        UsageError: There is none, or there are several.
    """
    store, wanted = open_history(), reference.strip().lower()
    exact = store.get(RunEntry, wanted)
    every = [exact] if exact else store.find(RunEntry, HistoryQuery(rehearsals=True))
    found = [run for run in every if wanted and run.id.startswith(wanted)]
    if len(found) != 1:
        length = telling_chars(run.id for run in (found or every))
        listed = ", ".join(f"{run.id[:length]} ({run.plan}, {run.status})" for run in (found or every)[:5])
        what = f"{len(found)} recorded runs begin with" if found else "No recorded run begins with"
        raise UsageError(f"{what} {reference!r}. The latest: {listed or 'none'}. See `agentic-prefect history list`.")
    query = HistoryQuery(run_id=found[0].id, rehearsals=True)
    return Remembered(found[0], store.find(TaskEntry, query)[::-1], store.find(FailureEntry, query)[::-1])


def patterns_of(days: float) -> str:
    """What the history of the last days shows, as Markdown."""
    now = datetime.now(UTC)
    return patterns(find_patterns(open_history(), since=now - timedelta(days=days), until=now))


def remove(older_than: str) -> int:
    """Remove what has not changed for that long; how many entries that were."""
    before = moment(older_than)
    if before is None:
        raise UsageError("Say how old: `--older-than 30d`.")
    return open_history().prune(before)


def moment(text: str) -> datetime | None:
    """The moment so long ago; `None` for an empty text.

    Raises:
        PlanInvalid: It is no length of time.
    """
    return datetime.now(UTC) - span(text) if text.strip() else None


def counts_table(by: str, found: Mapping[str, int]) -> RenderableType:
    """The counts, a row each, with their sum."""
    page = Table(by.capitalize(), "Failed attempts", box=None, pad_edge=False)
    page.columns[1].justify = "right"
    for name, count in found.items():
        page.add_row(name, number(count))
    page.add_row("total", number(sum(found.values())))
    return page


def runs_table(found: Sequence[RunEntry]) -> RenderableType:
    """The runs, a row each."""
    page = Table("Run", "Plan", "Began", "Status", "Time", "Calls", "Cost", "Reason", box=None, pad_edge=False)
    length = telling_chars(run.id for run in found)
    for run in found:
        page.add_row(
            run.id[:length],
            run.plan,
            f"{run.at:%d %b %H:%M}",
            str(run.status).replace("_", " "),
            duration(run.duration_s),
            number(run.usage.calls),
            cost(run.usage.cost_usd),
            one_line(run.reason, 50),
        )
    return page


def shown(found: Remembered) -> RenderableType:
    """One run, its tasks, and what failed in it."""
    tasks = Table("Task", "Status", "Attempts", "Time", "Tokens", "Cost", "Model", "Prompt", box=None, pad_edge=False)
    for task in found.tasks:
        tasks.add_row(
            task.task_id,
            f"{task.status}{' (stored)' if task.cached else ''}".replace("_", " "),
            str(task.attempts),
            duration(task.duration_s),
            number(task.usage.total_tokens),
            cost(task.usage.cost_usd),
            task.model or "-",
            f"{task.prompt.id}@{task.prompt.version}" if task.prompt else "-",
        )
    failures = Table(
        "Failed", "Attempt", "Error", "Message", "Done about it", "Output in the end", box=None, pad_edge=False
    )
    for failure in found.failures:
        recovered = {True: "yes", False: "no", None: "open"}[failure.recovered]
        failures.add_row(
            failure.task_id,
            str(failure.attempt),
            failure.code,
            one_line(failure.message, 60),
            failure.resolution,
            recovered,
        )
    return Group(runs_table([found.run]), "", tasks, *(("", failures) if found.failures else ()))
