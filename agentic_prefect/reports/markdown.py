"""The report as Markdown that also reads well as plain text, for Prefect's UI and for files."""

import json
import re

from agentic_prefect.models.budget import Budget
from agentic_prefect.models.result import BudgetReport
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.reports.markup import MAX_CHARACTERS, bounded, fenced, inline, passive, table
from agentic_prefect.reports.model import PlanReport
from agentic_prefect.reports.rows import AttemptRow, TaskRow
from agentic_prefect.reports.wording import (
    clip,
    cost,
    counted,
    duration,
    judged,
    not_paid_again,
    number,
    one_line,
    spent,
    state,
)

MAX_ROWS = 200
"""Tasks and items in the table; the rest is counted."""

MAX_TROUBLED = 50
"""Tasks whose failures are told in full."""

MAX_PROMPT_CHARACTERS = 8_000

# Beyond these, Mermaid draws an error instead of the graph: https://mermaid.js.org/config/schema-docs/config.html
MAX_GRAPH_CHARACTERS = 48_000
MAX_GRAPH_ARROWS = 480
MAX_GRAPH_TASKS = 300
_ARROW = re.compile(r"-->|\.->")


def report(page: PlanReport) -> str:
    """The whole report: what it came to, the tasks, what went wrong, the graph, the output."""
    parts = [_head(page), _tasks(page), _trouble(page), _graph(page), _output(page)]
    return bounded("\n\n".join(part for part in parts if part) + "\n")


def headline(page: PlanReport) -> str:
    """The outcome in one line of Markdown, for an artifact's card."""
    where = f" [Open the run]({page.url})" if page.url else ""
    return f"**{page.title}**: {state(page.status)}, {_counts(page)}.{where}"


def prompts(page: PlanReport) -> str:
    """The prompt of each task's last attempt: template, version, hash and the text the model received."""
    rows = [row for row in page.tasks if row.prompt]
    if not rows:
        return "No task has had a prompt so far.\n"
    sections, length = [f"# Prompts of {page.title}"], 0
    for place, row in enumerate(rows):
        if length > MAX_CHARACTERS:
            sections.append(f"Not listed: {counted(len(rows) - place, 'more prompt')}.")
            break
        sections.append(_prompt(row))
        length += len(sections[-1])
    return "\n\n".join(sections) + "\n"


def task_error(row: TaskRow, *, plan: str) -> str:
    """Everything that is known about one task's failure."""
    facts = [
        f"- Plan: {plan}",
        f"- Agent: {inline(row.agent or 'none')}",
        f"- Attempts: {row.attempts}, in {duration(row.elapsed_s)}",
        f"- Used: {spent(row.usage)}",
        f"- Model: {inline(row.model or _last(row, 'model') or 'none answered')}",
        f"- Prompt: {inline(_prompt_ref(row) or 'none')}",
        *([f"- Related: {inline(row.relation)}"] if row.relation else []),
    ]
    parts = [f"# {inline(row.id)}: {state(row.status)}", inline(row.why, 2_000), "\n".join(facts), _attempts(row)]
    return bounded("\n\n".join(part for part in parts if part) + "\n")


def _head(page: PlanReport) -> str:
    figures = [_counts(page), duration(page.elapsed_s), spent(page.usage)]
    lines = [f"# {page.title}: {state(page.status)}", inline(page.plan.description, 500)]
    lines += [page.version, inline(page.reason, 1_000)]
    lines.append("; ".join(figures) + ".")
    if page.reused.results:
        lines.append(f"{not_paid_again(page.reused.results, page.reused.usage)}.")
    if page.models:
        lines.append(f"Answered by {inline(', '.join(page.models))}.")
    if page.budget:
        lines.append(_budget(page))
    if page.url:
        lines.append(f"[Open the run]({page.url})")
    return "\n\n".join(line for line in lines if line)


def _counts(page: PlanReport) -> str:
    states = ", ".join(f"{number(count)} {status.value.replace('_', ' ')}" for status, count in page.counts.items())
    return f"{counted(page.total, 'task')}: {states}"


def _budget(page: PlanReport) -> str:
    assert page.budget is not None
    before = page.budget.before
    parts = [f"Budget: {_limits(page.budget)}"]
    if page.budget.exceeded:
        parts.append("it was exceeded")
    if before is not None:
        parts.append(f"people raised it from {_limits(before)}")
    return f"{'; '.join(parts)}."


def _limits(budget: BudgetReport | Budget) -> str:
    limits = [
        f"${budget.usd:g}" if budget.usd is not None else "",
        counted(budget.tokens, "token") if budget.tokens is not None else "",
        counted(budget.calls, "call") if budget.calls is not None else "",
        duration(budget.wall_s) if budget.wall_s is not None else "",
    ]
    return ", ".join(limit for limit in limits if limit) or "no limit"


def _tasks(page: PlanReport) -> str:
    rows = [
        (
            inline(row.id),
            _status(row),
            duration(row.elapsed_s),
            number(row.usage.total_tokens),
            cost(row.usage.cost_usd),
        )
        for row in page.tasks[:MAX_ROWS]
    ]
    text = table(("Task", "Status", ">Time", ">Tokens", ">Cost"), rows)
    left = len(page.tasks) - len(rows)
    return f"## Tasks\n\n{text}" + (f"\n\nNot listed: {counted(left, 'more row')}." if left else "")


def _status(row: TaskRow) -> str:
    tries = f", {row.attempts} attempts" if row.attempts > 1 and " item" not in row.relation else ""
    return f"{state(row.status)}{tries}{', stored result' if row.cached else ''}{judged(row.verdict)}"


def _trouble(page: PlanReport) -> str:
    told = [row for row in page.troubled if row.status is not TaskStatus.SKIPPED]
    skipped = [row for row in page.troubled if row.status is TaskStatus.SKIPPED]
    sections = [_failure(row) for row in told[:MAX_TROUBLED]]
    if len(told) > MAX_TROUBLED:
        sections.append(f"Not told: {counted(len(told) - MAX_TROUBLED, 'more task')}.")
    if sections:
        sections.insert(0, "## What went wrong")
    if skipped:
        lines = [f"- {inline(row.id)}: {inline(row.why)}" for row in skipped[:MAX_ROWS]]
        sections.append("## Skipped\n\n" + "\n".join(lines))
    return "\n\n".join(sections)


def _failure(row: TaskRow) -> str:
    relation = f"It {inline(row.relation)}." if row.relation.startswith("fell back") else ""
    outcome = "" if row.why else "It succeeded in the end."
    title = f"### {inline(row.id)}: {state(row.status)}"
    return "\n\n".join(part for part in (title, inline(row.why, 1_000), relation, outcome, _attempts(row)) if part)


def _attempts(row: TaskRow) -> str:
    return "\n".join(f"- {_attempt(each)}" for each in row.failures)


def _attempt(each: AttemptRow) -> str:
    limit = f" of {duration(each.timeout_s)}" if each.timeout_s is not None else ""
    facts = [
        f"after {duration(each.elapsed_s)}{limit}" if each.elapsed_s is not None else "",
        f"model {inline(each.model)}" if each.model else "",
        f"prompt {inline(each.prompt)}" if each.prompt else "",
        counted(each.usage.total_tokens, "token") if each.usage else "",
    ]
    stated = ", ".join(fact for fact in facts if fact)
    return f"Attempt {each.attempt}: {each.code} ({inline(each.type)}){f', {stated}' if stated else ''}: " + inline(
        each.message, 1_000
    )


def _last(row: TaskRow, name: str) -> str:
    return next((value for each in reversed(row.failures) if (value := getattr(each, name))), "")


def _prompt_ref(row: TaskRow) -> str:
    return f"{row.prompt.id}@{row.prompt.version} {row.prompt.hash[:12]}" if row.prompt else _last(row, "prompt")


def _graph(page: PlanReport) -> str:
    return drawing(page.mermaid if page.total <= MAX_GRAPH_TASKS else None)


def drawing(source: str | None) -> str:
    """The section with the graph; `None`, or one that would not be drawn, gives a word about it.

    Args:
        source: What Mermaid draws.
    """
    source = source and source.strip()
    if not source or len(source) > MAX_GRAPH_CHARACTERS or len(_ARROW.findall(source)) > MAX_GRAPH_ARROWS:
        return "## Graph\n\nThe graph is too large to be drawn here; `agentic-prefect graph` prints it."
    return f"## Graph\n\n{fenced(source, 'mermaid')}"


def _output(page: PlanReport) -> str:
    if page.output is None:
        return ""
    if isinstance(page.output, str):
        return f"## Output\n\n{passive(page.output)}"
    return "## Output\n\n" + fenced(json.dumps(page.output, indent=2, ensure_ascii=False, default=str), "json")


def _prompt(row: TaskRow) -> str:
    assert row.prompt is not None
    title = f"## {inline(row.id)}: {inline(row.prompt.id)} {row.prompt.version}"
    if not row.prompt.text:
        return f"{title}\n\nhash {row.prompt.hash[:12]}"
    text = clip(row.prompt.text, MAX_PROMPT_CHARACTERS)
    begin = one_line(row.prompt.text, 60).replace("&", "&amp;").replace("<", "&lt;")
    details = f"<details><summary>{begin}</summary>\n\n{fenced(text)}\n\n</details>"
    return f"{title}\n\nhash {row.prompt.hash[:12]}\n\n{details}"
