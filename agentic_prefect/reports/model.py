"""What is said about a run, finished or not. Every form of the report is written from this and from nothing else."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from reprlib import Repr
from typing import Any

from pydantic import AwareDatetime

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.prompt import PromptRecord
from agentic_prefect.models.result import BudgetReport, PlanResult, Related, TaskResult
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.task import AgentTask
from agentic_prefect.models.usage import Usage
from agentic_prefect.models.verdict import Verdict
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.mermaid import mermaid
from agentic_prefect.reports.live import LiveRun, LiveTask
from agentic_prefect.reports.wording import one_line

PREVIEW_CHARACTERS = 200
_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxstring, _SHORT.maxother = 4, 8, 8, 120, 120


class AttemptRow(Frozen):
    """One attempt that failed."""

    attempt: int
    """Counted from 1."""
    code: str
    type: str
    message: str
    elapsed_s: float | None
    timeout_s: float | None
    """The time it was given; `None` when it had no limit."""
    model: str | None
    prompt: str
    """The prompt's `id@version`; empty without one."""
    usage: Usage | None
    """What this attempt consumed; `None` when that is not known."""


class TaskRow(Frozen):
    """One task, or one item of a fan-out."""

    id: str
    kind: str
    agent: str | None
    status: TaskStatus
    attempts: int
    usage: Usage
    elapsed_s: float | None
    """`None` when it never ran."""
    model: str | None
    why: str
    """Why it failed, was skipped or cancelled; empty otherwise."""
    relation: str
    """What it has to do with other tasks; empty when nothing."""
    cached: bool
    failures: tuple[AttemptRow, ...]
    """The attempts that failed, oldest first; a fan-out's are those of its items and stand there."""
    prompt: PromptRecord | None
    preview: str
    """The beginning of the output, on one line."""
    verdict: Verdict | None = None
    """What checks found about the output; `None` when none looked at it."""

    @property
    def is_item(self) -> bool:
        """Whether it is one item of a fan-out."""
        return "[" in self.id


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
    rows = tuple(_rows(plan, by_name, live, now))
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


def _rows(plan: Plan, results: Mapping[str, TaskResult], live: LiveRun, now: datetime | None) -> Iterator[TaskRow]:
    items: defaultdict[str, set[str]] = defaultdict(set)
    for name in (*results, *live.tasks):
        if "[" in name:
            items[name.partition("[")[0]].add(name)
    for task in plan.tasks:
        for name in (task.id, *sorted(items[task.id], key=_index)):
            heard = live.tasks.get(name, LiveTask())
            result = results.get(name)
            yield _finished(task, name, result, heard) if result else _unfinished(task, name, heard, now)


def _index(name: str) -> int:
    return int(name.partition("[")[2].rstrip("]"))


def _finished(task: AgentTask, name: str, result: TaskResult, heard: LiveTask) -> TaskRow:
    error = result.error
    own = () if any(each.relation == "item" for each in result.related) else _attempts(error, heard)
    return TaskRow(
        id=name,
        kind=task.kind,
        agent=result.agent or task.agent,
        status=result.status,
        attempts=result.attempts,
        usage=result.usage,
        elapsed_s=result.elapsed_s,
        model=result.model,
        why=f"{error.code.value}: {error.message}" if error else result.reason,
        relation=_relations(result.related),
        cached=result.cached,
        failures=own,
        prompt=result.prompt,
        preview=preview(result.output),
        verdict=result.verdict,
    )


def _unfinished(task: AgentTask, name: str, heard: LiveTask, now: datetime | None) -> TaskRow:
    ended_at = heard.ended_at or now
    return TaskRow(
        id=name,
        kind=task.kind,
        agent=task.agent,
        status=heard.status,
        attempts=heard.attempts,
        usage=heard.usage,
        elapsed_s=(ended_at - heard.started_at).total_seconds() if ended_at and heard.started_at else None,
        model=heard.model,
        why=heard.reason,
        relation=f"fell back to {heard.fallback}" if heard.fallback else "",
        cached=heard.cached,
        failures=_attempts(None, heard),
        prompt=None,
        preview=heard.preview,
    )


def preview(output: object) -> str:
    """The beginning of an output, on one line; empty for `None`."""
    return (
        ""
        if output is None
        else one_line(output if isinstance(output, str) else _SHORT.repr(output), PREVIEW_CHARACTERS)
    )


def _attempts(error: TaskError | None, heard: LiveTask) -> tuple[AttemptRow, ...]:
    errors = (error.history or (error,)) if error else heard.failures
    return tuple(_attempt(place, each) for place, each in enumerate(errors, start=1))


def _attempt(place: int, error: TaskError) -> AttemptRow:
    context = error.context
    return AttemptRow(
        attempt=context.attempt or place,
        code=error.code.value,
        type=error.type,
        message=error.message,
        elapsed_s=context.elapsed_s,
        timeout_s=context.timeout_s,
        model=context.model,
        prompt=f"{context.prompt.id}@{context.prompt.version}" if context.prompt else "",
        usage=context.usage,
    )


def _relations(related: Iterable[Related]) -> str:
    phrases = {"fallback": "fell back to {}", "fallback_for": "stands in for {}", "sub_plan": "sub-plan {}"}
    named = [phrases[each.relation].format(each.task_id) for each in related if each.relation in phrases]
    items = sum(each.relation == "item" for each in related)
    return ", ".join([*named, f"{items} item{'' if items == 1 else 's'}"] if items else named)


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
