"""One row of a report: what is said about a task or an item, finished or not."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from reprlib import Repr

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.prompt import PromptRecord
from agentic_prefect.models.result import Related, TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.task import AgentTask
from agentic_prefect.models.usage import Usage
from agentic_prefect.models.verdict import Verdict
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


def rows_of(plan: Plan, results: Mapping[str, TaskResult], live: LiveRun, now: datetime | None) -> Iterator[TaskRow]:
    """The rows in the plan's order, items after their task; parameters as in `reports.model.report_of`."""
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
