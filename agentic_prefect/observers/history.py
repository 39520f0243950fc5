"""Keeps the history of runs: what happened is in the store moments later."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import get_client

from agentic_prefect.history.keeping import Keeping
from agentic_prefect.history.writer import HistoryWriter
from agentic_prefect.models.events import Event, TaskFailed, TaskRetrying
from agentic_prefect.models.history import ReportEntry
from agentic_prefect.observers.artifact_writer import ArtifactWriter, Sheet
from agentic_prefect.observers.artifacts import ArtifactsNotWritten

REPORT_KEY = "failure-patterns"


class HistoryObserver:
    """Hands the events of one run to the history's writer. Hearing one costs next to nothing.

    Args:
        keeping: Makes the entries.
        writer: Writes them, in its own thread.
        report: Makes a report on patterns when one is due, and is asked after each failure; `None` makes none.
        flow_run_id: The flow run that a report is shown with; `None` shows it nowhere.
    """

    def __init__(
        self,
        keeping: Keeping,
        writer: HistoryWriter,
        *,
        report: Callable[[], ReportEntry | None] | None = None,
        flow_run_id: UUID | None = None,
    ) -> None:
        self._keeping, self._writer = keeping, writer
        self._report, self._flow_run_id = report, flow_run_id
        self._has_new_failures = False

    def on_event(self, event: Event) -> None:
        """Have it written."""
        self._has_new_failures = self._has_new_failures or isinstance(event, TaskFailed | TaskRetrying)
        self._writer.hand_in(self._keeping, event)

    async def flush(self) -> None:
        """Wait until everything is written.

        Raises:
            HistoryUnusable: The store cannot be used.
            ArtifactsNotWritten: A report was due and is kept, but cannot be shown in Prefect.
        """
        await asyncio.wrap_future(self._writer.written(self._keeping))
        if self._report is None or not self._has_new_failures:
            return
        self._has_new_failures = False
        report = await asyncio.wrap_future(self._writer.call(self._report))
        if report is not None and self._flow_run_id is not None:
            await self._show(report, self._flow_run_id)

    async def _show(self, report: ReportEntry, flow_run_id: UUID) -> None:
        about = f"Patterns in the history, after {report.failures} more failures."
        try:
            async with get_client() as client:
                sheet = Sheet(REPORT_KEY, "markdown", report.text, about)
                await ArtifactWriter(flow_run_id).write([sheet], client=client)
        except HTTPError as error:
            raise ArtifactsNotWritten(f"{type(error).__name__}: {error}") from error
