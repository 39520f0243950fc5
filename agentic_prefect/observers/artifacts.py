"""Shows a plan in Prefect's UI while it runs: progress, a report, a table of tasks, the prompts, and each failure."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import get_client

from agentic_prefect.errors import RetryableError
from agentic_prefect.models.events import Event, TaskFailed
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult, TaskResult
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.observers.artifact_writer import ArtifactWriter, Sheet
from agentic_prefect.policies.disclosure import Disclosure
from agentic_prefect.reports import markdown, questions
from agentic_prefect.reports.live import LiveRun
from agentic_prefect.reports.model import PlanReport, report_of
from agentic_prefect.reports.rows import TaskRow
from agentic_prefect.reports.serialized import spending_table, task_table

Snapshot = Callable[[], Mapping[str, TaskResult] | PlanResult]
"""Gives the results that there are so far, or the finished plan's."""

EVERY_S = 2.0
PAUSE_AFTER_FAULT_S = 30.0
"""A server that does not answer is left alone for so long; the update at the plan's end is tried all the same."""

PATIENCE_S = 90.0
"""Prefect's client goes on asking a server that is away for a minute."""

MAX_TABLE_ROWS = 1_000
MAX_TASK_ERRORS = 20
"""Failed tasks that get an artifact of their own; the report tells of all."""


class ArtifactsNotWritten(RetryableError):
    """Prefect's server could not be reached, or refused."""

    def __str__(self) -> str:
        return f"the artifacts of the plan could not be written ({self.message}); they are tried again later"


class ArtifactObserver:
    """Keeps the artifacts of one plan's run.

    `plan-progress` and `plan-report` are kept current while the plan runs, and so is `plan-questions` where people are
    asked; `plan-tasks` and `plan-prompts` are written at its end; a `task-error` is attached to the task run of each
    failed task. Hearing an event costs next to nothing:
    everything is written in `flush`.

    Args:
        plan: The plan that runs.
        snapshot: Where the results are taken from, since events carry no outputs.
        flow_run_id: The flow run that the artifacts belong to.
        run_id: The run whose events are meant; `None` takes the run of the first event.
        url: Where a person can look at the run; `None` leaves the link out.
        every_s: Seconds that lie at least between two updates; the one at the plan's end is always made.
        clock: Monotonic seconds.
        disclosure: What of results may be written.
        is_new: Whether the flow run can have no artifacts yet, so that none are looked for.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        snapshot: Snapshot,
        flow_run_id: UUID | str,
        run_id: str | None = None,
        url: str | None = None,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
        disclosure: Disclosure | None = None,
        is_new: bool = False,
    ) -> None:
        self._plan, self._snapshot, self._url = plan, snapshot, url
        self._live = LiveRun(run_id)
        self._asked = questions.Record()
        self._writer = ArtifactWriter(UUID(str(flow_run_id)), disclosure, is_new=is_new)
        self._every_s, self._clock = every_s, clock
        self._not_before: float | None = None
        self._changed = False
        self._failed: dict[str, None] = {}
        self.patience_s = PATIENCE_S
        self._percent = 0

    def on_event(self, event: Event) -> None:
        """Remember what happened."""
        if self._live.hear(event):
            self._changed = True
            self._asked.hear(event)
            if isinstance(event, TaskFailed):
                self._failed[event.task_id] = None

    async def flush(self) -> None:
        """Write what changed since the last time, unless that was a moment ago."""
        ended = self._live.ended_at is not None
        now = self._clock()
        if not self._changed or (not ended and self._not_before is not None and now < self._not_before):
            return
        self._not_before = now + self._every_s
        self._changed = False
        try:
            async with get_client() as client:
                await self._writer.write(self._sheets(ended), client=client)
        except BaseException as error:
            self._changed = True
            self._not_before = self._clock() + max(self._every_s, PAUSE_AFTER_FAULT_S)
            if isinstance(error, HTTPError):
                raise ArtifactsNotWritten(f"{type(error).__name__}: {error}") from error
            raise

    def _sheets(self, ended: bool) -> list[Sheet]:
        results = self._snapshot()
        page = report_of(self._plan, results, live=self._live, now=datetime.now(UTC), url=self._url)
        self._percent = max(self._percent, percent(page))
        card = markdown.headline(page)
        sheets = [
            Sheet("plan-progress", "progress", float(self._percent), card),
            Sheet("plan-report", "markdown", markdown.report(page), card),
        ]
        if self._asked:
            told = questions.page(self._asked)
            sheets.append(Sheet("plan-questions", "markdown", told, questions.headline(self._asked)))
        if ended:
            table = json.dumps(task_table(page)[:MAX_TABLE_ROWS])
            sheets += [
                Sheet("plan-tasks", "table", table, card),
                Sheet("plan-prompts", "markdown", markdown.prompts(page), card),
            ]
        if ended and page.budget is not None:
            sheets.append(Sheet("plan-spending", "table", json.dumps(spending_table(page)[:MAX_TABLE_ROWS]), card))
        known = results.results if isinstance(results, PlanResult) else results
        rows = {row.id: row for row in page.tasks}
        spread = {row.id.partition("[")[0] for row in page.tasks if row.is_item}
        failed = [name for name in self._failed if name in rows and name not in spread and (ended or name in known)]
        return [*sheets, *(self._task_error(rows[name]) for name in failed[:MAX_TASK_ERRORS])]

    def _task_error(self, row: TaskRow) -> Sheet:
        heard = self._live.tasks[row.id]
        text = markdown.task_error(row, plan=self._plan.name)
        task_run_id = UUID(heard.task_run_id) if heard.task_run_id else None
        return Sheet("task-error", "markdown", text, f"**{row.id}** of {self._plan.name} failed", task_run_id, row.id)


def percent(page: PlanReport) -> int:
    """How much of the plan is done, 0 to 100; a fan-out counts by its items."""
    if page.status is PlanStatus.COMPLETED:
        return 100
    items: defaultdict[str, list[bool]] = defaultdict(list)
    for row in page.tasks:
        if row.is_item:
            items[row.id.partition("[")[0]].append(row.status.is_final)
    done = 0.0
    for row in page.tasks:
        if not row.is_item:
            own = items.get(row.id, [])
            done += 1.0 if row.status.is_final else sum(own) / len(own) if own else 0.0
    return int(100 * done / page.total)
