"""Makes reports on patterns: now, or whenever enough has failed since the last one."""

from collections.abc import Callable
from datetime import datetime, timedelta

from agentic_prefect.history.ids import entry_id
from agentic_prefect.history.patterns import find_patterns
from agentic_prefect.models.history import FailureEntry, HistoryQuery, ReportEntry
from agentic_prefect.models.history_errors import AlreadyRecorded
from agentic_prefect.models.patterns import PatternReport
from agentic_prefect.ports import HistoryStore

REPORT_DAYS = 30
"""How far a report looks back, unless it is said otherwise."""

Render = Callable[[PatternReport], str]


def report_now(store: HistoryStore, render: Render, *, now: datetime, days: float = REPORT_DAYS) -> ReportEntry:
    """Make a report and keep it.

    Args:
        store: The history.
        render: Writes a report as Markdown.
        now: The time.
        days: How far to look back.

    Raises:
        HistoryUnusable: The history cannot be read or written.
    """
    return _kept(store, render, now, days, entry_id(), _failures_since(store, _latest(store)))


def report_if_due(store: HistoryStore, render: Render, *, every: int, now: datetime) -> ReportEntry | None:
    """A report, kept, once `every` failures have been recorded since the last one; `None` before.

    Of several processes that find it due one makes it.

    Raises:
        HistoryUnusable: The history cannot be read or written.
    """
    latest = _latest(store)
    failures = _failures_since(store, latest)
    if failures < every:
        return None
    following = entry_id(content=["report after", latest.id if latest else ""])
    try:
        return _kept(store, render, now, REPORT_DAYS, following, failures)
    except AlreadyRecorded:
        return None


def _kept(
    store: HistoryStore, render: Render, now: datetime, days: float, report_id: str, failures: int
) -> ReportEntry:
    found = find_patterns(store, since=now - timedelta(days=days), until=now)
    report = ReportEntry(id=report_id, at=now, updated_at=now, failures=failures, text=render(found))
    store.register(report)
    return report


def _latest(store: HistoryStore) -> ReportEntry | None:
    return next(iter(store.find(ReportEntry, HistoryQuery(latest=1))), None)


def _failures_since(store: HistoryStore, report: ReportEntry | None) -> int:
    return sum(store.count(FailureEntry, "code", HistoryQuery(since=report.at if report else None)).values())
