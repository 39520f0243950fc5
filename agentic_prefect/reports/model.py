"""What is said about a run, finished or not. Every form of the report is written from this and from nothing else."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic import AwareDatetime

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import BudgetReport, PlanResult, TaskResult
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.mermaid import mermaid
from agentic_prefect.reports.live import LiveRun
from agentic_prefect.reports.rows import TaskRow, rows_of


class Reused(Frozen):
    """Stored results of earlier attempts at the same work, which this run did not pay again."""

    results: int
    usage: Usage
    """What they had cost when they were paid."""


class PlanReport(Frozen):
    """A run, ready to be written down."""

    plan: Plan
    run_id: str
    url: str | None
    status: PlanStatus | None
    """`None` while it runs."""
    reason: str
    started_at: AwareDatetime | None
    elapsed_s: float | None
    usage: Usage
    budget: BudgetReport | None
    tasks: tuple[TaskRow, ...]
    """In the plan's order, items after their task."""
    output: Any
    """The plan's output; `None` while it runs."""
    version: str = ""
    """Which version of a stored plan it is, and its content; empty when it comes from elsewhere."""

    @property
    def title(self) -> str:
        """The plan's name."""
        return self.plan.name

    @cached_property
    def mermaid(self) -> str:
        """Source of the graph, coloured by status; worked out when it is first asked for, since that takes its time."""
        statuses = {row.id: row.status for row in self.tasks if not row.is_item}
        return mermaid(self.plan, build_graph(self.plan), statuses)

    @property
    def counts(self) -> dict[TaskStatus, int]:
        """How many of the plan's tasks are in each state; items are not counted besides their task."""
        tally = Counter(row.status for row in self.tasks if not row.is_item)
        return {status: tally[status] for status in TaskStatus if tally[status]}

    @property
    def total(self) -> int:
        """How many tasks the plan has."""
        return sum(self.counts.values())

    @property
    def settled(self) -> int:
        """How many of them have come to an end."""
        return sum(count for status, count in self.counts.items() if status.is_final)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that answered, in the order of the tasks."""
        return tuple(dict.fromkeys(row.model for row in self.tasks if row.model))

    @property
    def reused(self) -> Reused:
        """The stored results that were used, and what they had cost; a fan-out counts by its items."""
        owners = {row.id.partition("[")[0] for row in self.tasks if row.is_item}
        rows = [row for row in self.tasks if row.cached and row.id not in owners]
        return Reused(results=len(rows), usage=sum((row.usage for row in rows), Usage()))

    @property
    def troubled(self) -> tuple[TaskRow, ...]:
        """The tasks with something to explain: a failed attempt, or no output."""
        return tuple(row for row in self.tasks if row.why or row.failures)


def report_of(
    plan: Plan,
    results: PlanResult | Mapping[str, TaskResult],
    *,
    live: LiveRun | None = None,
    now: datetime | None = None,
    url: str | None = None,
) -> PlanReport:
    """The report of a finished or a running plan.

    Args:
        results: The plan's result, or the results that there are so far, by task id and `id[index]`.
        live: What the events told; fills in what `results` does not know, failed attempts of successful tasks among it.
        now: The time, for how long unfinished work has taken; `None` leaves that open.
        url: Where a person can look at the run; `None` takes the result's own.
    """
    live = live or LiveRun()
    whole = results if isinstance(results, PlanResult) else None
    by_name = results.results if isinstance(results, PlanResult) else results
    rows = tuple(rows_of(plan, by_name, live, now))
    ended_at = live.ended_at or now
    elapsed_s = (ended_at - live.started_at).total_seconds() if ended_at and live.started_at else None
    return PlanReport(
        plan=plan,
        run_id=whole.run_id if whole else live.run_id or "",
        url=url or (whole.url if whole else None),
        status=whole.status if whole else live.status,
        reason=whole.reason if whole else live.reason,
        started_at=whole.started_at if whole else live.started_at,
        elapsed_s=whole.elapsed_s if whole else elapsed_s,
        usage=whole.usage if whole else _total(rows),
        budget=whole.budget if whole else None,
        tasks=rows,
        output=whole.output if whole else None,
        version=_version(whole.plan_version, whole.plan_hash) if whole else _version(live.plan_version, live.plan_hash),
    )


def _version(number: int | None, content: str) -> str:
    return "" if number is None else f"Version {number} of the stored plan, content {content[:12]}."


def _total(rows: Iterable[TaskRow]) -> Usage:
    """A fan-out's usage holds that of its items, once it has ended. A stored result costs nothing again."""
    total, of_items, joined = Usage(), defaultdict[str, Usage](Usage), dict[str, Usage]()
    for row in rows:
        if row.cached:
            continue
        if row.is_item:
            owner = row.id.partition("[")[0]
            of_items[owner] = of_items[owner] + row.usage
        else:
            joined[row.id] = row.usage
    for name, usage in joined.items():
        total = total + (of_items[name] if usage == Usage() and name in of_items else usage)
    return total
