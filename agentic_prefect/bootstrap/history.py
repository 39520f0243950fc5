"""The history of runs, put together: where it is, who writes it, and the reports on it."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from uuid import UUID

from prefect.settings import get_current_settings

from agentic_prefect.history.keeping import Keeping
from agentic_prefect.history.reporting import REPORT_DAYS, report_if_due, report_now
from agentic_prefect.history.watched import Watched
from agentic_prefect.history.writer import HistoryWriter
from agentic_prefect.models.history import ReportEntry
from agentic_prefect.observers.history import HistoryObserver
from agentic_prefect.ports import HistoryStore
from agentic_prefect.reports.patterns import patterns
from agentic_prefect.runtime.services import RunInfo
from agentic_prefect.settings import AgenticSettings


def open_history(url: str | None = None) -> HistoryStore:
    """The history of runs, to be read.

    Args:
        url: The address of its database; `None` takes that of the settings.

    Raises:
        HistoryUnusable: It would be a file in a folder that is not there.
    """
    # SQLAlchemy takes longer to load than many a run does.
    from agentic_prefect.history.database import require_folder

    address = url or AgenticSettings().history_address()
    get_current_settings().home.mkdir(parents=True, exist_ok=True)
    require_folder(address)
    return _store(address)


async def report_failures(days: float = REPORT_DAYS) -> ReportEntry:
    """Make a report on patterns in the history, and keep it there.

    Args:
        days: How far to look back.

    Raises:
        HistoryUnusable: The history cannot be read or written.
    """
    return await asyncio.to_thread(lambda: report_now(open_history(), patterns, now=datetime.now(UTC), days=days))


async def prune_history(keep_days: float | None = None) -> int:
    """Remove the runs in which nothing has changed for so many days.

    Args:
        keep_days: How many; `None` takes the setting of that name, and removes nothing when it is not set.

    Returns:
        How many entries that were.

    Raises:
        HistoryUnusable: The history cannot be written.
    """
    days = AgenticSettings().keep_days if keep_days is None else keep_days
    if days is None:
        return 0
    before = datetime.now(UTC) - timedelta(days=days)
    return await asyncio.to_thread(lambda: open_history().prune(before))


def history_observer(info: RunInfo, settings: AgenticSettings, *, rehearsal: bool) -> HistoryObserver:
    """What keeps the history of one run.

    Args:
        info: The run.
        settings: Where the history is, and what it keeps.
        rehearsal: Whether no model is asked.
    """
    watched = Watched(
        info.plan,
        info.run_id,
        lineage=info.lineage.root,
        rehearsal=rehearsal,
        whole_plan=info.whole_plan,
        clean=str if settings.history_texts else _anonymous,
        keeps_prompts=settings.history_prompts,
    )
    # Opened in the writer's thread: to load SQLAlchemy takes longer than many a run does.
    opened = partial(_store, settings.history_address())
    due = partial(_report_if_due, settings.history_address(), settings.history_report_every)
    return HistoryObserver(
        Keeping(watched, opened),
        _writer(),
        report=due if settings.history_report_every and not rehearsal else None,
        flow_run_id=UUID(info.run_id) if info.run_id else None,
    )


@cache
def _store(url: str) -> HistoryStore:
    # See above.
    from agentic_prefect.history.sql_store import SqlHistory

    return SqlHistory(url)


@cache
def _writer() -> HistoryWriter:
    return HistoryWriter()


def _report_if_due(url: str, every: int) -> ReportEntry | None:
    return report_if_due(_store(url), patterns, every=every, now=datetime.now(UTC))


def _anonymous(text: str) -> str:
    return f"[{len(text)} characters]"
