"""The report for a terminal, and as plain text where there is none."""

import json
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.reports.model import PlanReport
from agentic_prefect.reports.rows import TaskRow
from agentic_prefect.reports.wording import (
    cost,
    duration,
    judged,
    not_paid_again,
    number,
    one_line,
    printable,
    spent,
    state,
)

STYLES: dict[TaskStatus, str] = {
    TaskStatus.PENDING: "dim",
    TaskStatus.IN_PROGRESS: "cyan",
    TaskStatus.RETRYING: "yellow",
    TaskStatus.AWAITING_HUMAN: "magenta",
    TaskStatus.COMPLETED: "green",
    TaskStatus.FAILED: "red",
    TaskStatus.SKIPPED: "yellow",
    TaskStatus.CANCELLED: "yellow",
}

PLAN_STYLES: dict[PlanStatus | None, str] = {
    None: "cyan",
    PlanStatus.COMPLETED: "green",
    PlanStatus.PARTIAL_FAILURE: "red",
    PlanStatus.FAILED: "red",
    PlanStatus.CANCELLED: "yellow",
}

PREVIEW_LINES = 3
MAX_CELL = 32

# Which rows stay when there is not room for all: what happens, then what went wrong, then the rest.
_URGENCY: dict[TaskStatus, int] = {
    TaskStatus.AWAITING_HUMAN: 0,
    TaskStatus.IN_PROGRESS: 1,
    TaskStatus.RETRYING: 1,
    TaskStatus.FAILED: 2,
    TaskStatus.CANCELLED: 3,
    TaskStatus.COMPLETED: 4,
    TaskStatus.SKIPPED: 5,
    TaskStatus.PENDING: 6,
}


def live_view(page: PlanReport, *, max_rows: int | None = None) -> RenderableType:
    """What is shown while a plan runs: the table of tasks and the progress below it.

    Args:
        max_rows: At most this many tasks, the most urgent ones; `None` shows all.
    """
    return Group(task_table(page, max_rows=max_rows), Text(progress_line(page), style="bold"))


def task_table(page: PlanReport, *, max_rows: int | None = None) -> Table:
    """The tasks in the plan's order, each with its state, agent, time and output or reason."""
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="bold", padding=(0, 2, 0, 0))
    shown = _most_urgent(page.tasks, max_rows)
    cells = [_cells(row) for row in shown]
    for name in ("Status", "Task", "Agent"):
        table.add_column(name, no_wrap=True)
    table.add_column("Duration", no_wrap=True, justify="right")
    # To the table this is the one column that may wrap, so that it alone gives way; its cells are cut instead.
    table.add_column("Output")
    for row, (status, *rest, output) in zip(shown, cells, strict=True):
        ending = Text(output, no_wrap=True, overflow="ellipsis")
        table.add_row(Text(status, style=STYLES[row.status]), *map(Text, rest), ending)
    if len(shown) < len(page.tasks):
        table.add_row("", Text(f"… {number(len(page.tasks) - len(shown))} more", style="dim"))
    return table


def _cells(row: TaskRow) -> tuple[str, ...]:
    return (
        _status(row),
        one_line(f"{'- ' if row.is_item else ''}{row.id}", MAX_CELL),
        one_line(row.agent or "", MAX_CELL),
        duration(row.elapsed_s) if row.elapsed_s is not None else "",
        one_line(row.why or row.preview),
    )


def progress_line(page: PlanReport) -> str:
    """`Progress: 50% (2/4) - Elapsed: 1.2s`."""
    percent = 100 * page.settled // page.total if page.total else 100
    return f"Progress: {percent}% ({page.settled}/{page.total}) - Elapsed: {duration(page.elapsed_s)}"


def summary(page: PlanReport, *, saved_to: str | None = None) -> RenderableType:
    """The box that closes a run.

    Args:
        saved_to: Where the result was written; `None` when nowhere.
    """
    lines = [Text(line) for line in _summary_lines(page, saved_to)]
    lines[0].stylize(f"bold {PLAN_STYLES[page.status]}")
    return Panel(Text("\n").join(lines), title="Execution Summary", border_style=PLAN_STYLES[page.status], expand=False)


def text(page: PlanReport, *, saved_to: str | None = None) -> str:
    """Summary, tasks and failures as plain text: no colours, no boxes, one line per fact."""
    lines = [f"Plan {page.title}", *_summary_lines(page, saved_to, preview=False), "", "Tasks:"]
    width = max((len(row.id) for row in page.tasks), default=0)
    lines += [
        f"  {row.id:<{width}}  {_status(row)}, {duration(row.elapsed_s)}, {number(row.usage.total_tokens)} tokens, "
        f"{cost(row.usage.cost_usd)}"
        for row in page.tasks
    ]
    lines += _trouble(page.troubled)
    if page.output is not None:
        lines += ["", "Output:", _output_text(page.output)]
    return "\n".join(lines) + "\n"


def _summary_lines(page: PlanReport, saved_to: str | None, *, preview: bool = True) -> list[str]:
    completed, failed = (page.counts.get(status, 0) for status in (TaskStatus.COMPLETED, TaskStatus.FAILED))
    others = [
        f", {number(count)} {status.value.replace('_', ' ')}"
        for status, count in page.counts.items()
        if status not in {TaskStatus.COMPLETED, TaskStatus.FAILED}
    ]
    lines = [
        f"Status: {state(page.status)}",
        *([f"Reason: {one_line(page.reason, 300)}"] if page.reason else []),
        f"Tasks: {number(page.total)} total, {number(completed)} completed, {number(failed)} failed{''.join(others)}",
        f"Time: {duration(page.elapsed_s)}",
        f"Usage: {spent(page.usage)}",
        *([not_paid_again(page.reused.results, page.reused.usage)] if page.reused.results else []),
        *([f"Model: {one_line(', '.join(page.models), 200)}"] if page.models else []),
        *([f"Run: {page.url}"] if page.url else []),
        *([f"Output: {saved_to}"] if saved_to else []),
    ]
    if preview and page.output is not None:
        lines += ["Preview:", *_preview(page.output)]
    return lines


def _preview(output: object) -> list[str]:
    lines = [line for line in _output_text(output).splitlines() if line.strip()]
    shown = [f"  {one_line(line, 100)}" for line in lines[:PREVIEW_LINES]]
    return [*shown, f"  … {number(len(lines) - PREVIEW_LINES)} more lines"] if len(lines) > PREVIEW_LINES else shown


def _output_text(output: object) -> str:
    if isinstance(output, str):
        return printable(output)
    return printable(json.dumps(output, indent=2, ensure_ascii=False, default=str))


def _status(row: TaskRow) -> str:
    stored = ", stored" if row.cached else ""
    tries = f" ×{row.attempts}" if row.attempts > 1 and "item" not in row.relation else ""
    return f"{state(row.status)}{tries}{stored}{judged(row.verdict)}"


def _trouble(rows: Iterable[TaskRow]) -> list[str]:
    lines: list[str] = []
    for row in rows:
        lines.append(f"  {row.id}: {one_line(row.why, 500) or 'succeeded in the end'}")
        lines += [
            f"    attempt {each.attempt}, {each.code} after {duration(each.elapsed_s)}: {one_line(each.message, 500)}"
            for each in row.failures
        ]
    return ["", "What went wrong:", *lines] if lines else []


def _most_urgent(rows: tuple[TaskRow, ...], limit: int | None) -> tuple[TaskRow, ...]:
    if limit is None or len(rows) <= limit:
        return rows
    ranked = sorted(range(len(rows)), key=lambda place: (_URGENCY[rows[place].status], -place))
    kept = set(ranked[: max(limit - 1, 0)])
    return tuple(row for place, row in enumerate(rows) if place in kept)
