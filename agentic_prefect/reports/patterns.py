"""What a history shows, as Markdown for Prefect's UI and for the terminal."""

from collections.abc import Sequence

from agentic_prefect.models.patterns import Cost, PatternReport, Share, Trend
from agentic_prefect.reports.markup import bounded, inline, table
from agentic_prefect.reports.wording import counted, duration, number

_WORDS = {"better": "better", "worse": "**worse**", "steady": "steady"}
_FIGURES = {"success_ratio": "success", "duration_s": "duration", "tokens": "tokens"}


def patterns(report: PatternReport) -> str:
    """The whole report; every figure stands beside the number of samples that it was made of."""
    parts = [
        _head(report),
        _shares("Why attempts fail", "error", report.by_code, report.failures),
        _shares("Where they fail", "task", report.by_task, report.failures),
        _shares("With which model", "model", report.by_model, report.failures),
        _cures(report),
        _trends(report),
        _costs("Slowest tasks", report.slowest),
        _costs("Heaviest tasks", report.heaviest),
        _advice(report),
    ]
    return bounded("\n\n".join(part for part in parts if part) + "\n")


def _head(report: PatternReport) -> str:
    lines = [
        "# Failure patterns",
        f"{report.since:%d %b %Y} to {report.until:%d %b %Y}: {counted(report.executions, 'execution')} of tasks, of "
        f"which {number(report.failed)} failed for good; {counted(report.failures, 'failed attempt')}.",
    ]
    if report.executions < report.min_samples:
        lines.append(
            f"Insufficient for trends: there are {report.executions} executions, and {report.min_samples} are needed."
        )
    if report.is_partial:
        lines.append("There were more than could be looked at; this is about the latest.")
    return "\n\n".join(lines)


def _shares(title: str, what: str, shares: Sequence[Share], of: int) -> str:
    if not shares:
        return ""
    rows = [(inline(share.name), number(share.count), f"{share.count / of:.0%}") for share in shares]
    return f"## {title}\n\n{table((what, '>attempts', '>share'), rows)}"


def _cures(report: PatternReport) -> str:
    if not report.cures:
        return ""
    rows = [
        (
            inline(cure.code),
            cure.resolution,
            number(cure.count),
            f"{cure.recovered / cure.count:.0%}"
            if cure.count >= report.min_samples
            else f"{cure.recovered}, insufficient",
        )
        for cure in report.cures
    ]
    return f"## What was done, and led to an output\n\n{table(('error', 'done', '>times', '>recovered'), rows)}"


def _trends(report: PatternReport) -> str:
    rows = [
        (
            inline(trend.subject) or "everything",
            _FIGURES[trend.figure],
            " → ".join(_figure(trend, value) for value in trend.periods) or "insufficient",
            _WORDS.get(trend.direction, trend.direction),
            number(trend.samples),
        )
        for trend in report.trends
    ]
    return (
        f"## Trends\n\n{table(('of', 'figure', 'five periods, oldest first', 'trend', '>samples'), rows)}"
        if rows
        else ""
    )


def _figure(trend: Trend, value: float) -> str:
    match trend.figure:
        case "success_ratio":
            return f"{value:.0%}"
        case "duration_s":
            return duration(value)
        case "tokens":
            return number(round(value))


def _costs(title: str, costs: Sequence[Cost]) -> str:
    if not costs:
        return ""
    rows = [
        (
            inline(cost.subject),
            duration(cost.median_duration_s),
            "-" if cost.mean_tokens is None else number(round(cost.mean_tokens)),
            "-" if cost.correlation is None else f"{cost.correlation:.2f}",
            number(cost.samples),
        )
        for cost in costs
    ]
    columns = ("task", ">median duration", ">mean tokens", ">output tokens with duration, r", ">samples")
    return f"## {title}\n\n{table(columns, rows)}"


def _advice(report: PatternReport) -> str:
    return "## What may help\n\n" + "\n".join(f"- {line}" for line in report.advice) if report.advice else ""
