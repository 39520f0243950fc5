"""When a report on patterns is made."""

from datetime import timedelta

from agentic_prefect.history.reporting import report_if_due, report_now
from agentic_prefect.models.history import AnyEntry, ReportEntry
from agentic_prefect.models.patterns import PatternReport
from agentic_prefect.testing.history import MemoryHistory
from tests.history.samples import a_failure, at


def render(report: PatternReport) -> str:
    """The number of failures in the report."""
    return f"{report.failures} failures"


def test_a_report_is_made_after_every_third_failure() -> None:
    """After two there is none, after three one, and the next one after three more."""  # F-49
    store, made = MemoryHistory(), list[str | None]()
    for second in range(1, 8):
        store.register(a_failure(second))
        report = report_if_due(store, render, every=3, now=at(second + 0.5))
        made.append(report and f"{report.failures}: {report.text}")

    assert made == [None, None, "3: 3 failures", None, None, "3: 6 failures", None]
    assert [report.at for report in store.find(ReportEntry)] == [at(6.5), at(3.5)]


def test_one_of_two_processes_makes_it() -> None:
    """The one that comes second finds it made, and makes none."""

    class Slow(MemoryHistory):
        """A store in which another process is quicker."""

        def register(self, *entries: AnyEntry) -> None:
            if isinstance(entries[0], ReportEntry) and not self.find(ReportEntry):
                super().register(entries[0].model_copy(update={"text": "the other's"}))
            super().register(*entries)

    store = Slow()
    store.register(*(a_failure(number) for number in range(3)))

    assert report_if_due(store, render, every=3, now=at(9)) is None
    assert [report.text for report in store.find(ReportEntry)] == ["the other's"]


def test_a_report_can_be_had_at_any_time() -> None:
    """It looks as far back as it is told, is kept, and counts as the last one."""
    store = MemoryHistory()
    store.register(a_failure(1), a_failure(2, at=at(0) - timedelta(days=40)))
    report = report_now(store, render, now=at(10), days=30)
    further_back = report_now(store, render, now=at(20), days=60)

    assert (report.text, report.failures, further_back.text, further_back.failures) == (
        "1 failures",
        2,
        "2 failures",
        0,
    )
    assert store.get(ReportEntry, report.id) == report
    assert report_if_due(store, render, every=1, now=at(30)) is None
