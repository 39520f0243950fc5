"""`agentic-prefect prompts stats`."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from agentic_prefect.bootstrap.prompt_releases import PromptReleases
from agentic_prefect.cli.recollection import moment
from agentic_prefect.cli.terminal import stdout
from agentic_prefect.models.outcomes import Measure, OutcomeReport, Suggestion, VersionOutcomes
from agentic_prefect.prompting.evidence import suggestions
from agentic_prefect.prompting.intervals import has_statistics


def stats(
    template: str,
    /,
    *,
    since: str = "30d",
    format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text",
) -> None:
    """Show how the versions of a template have done, and what would make it better.

    Success, what checks said, cost, time and tokens per task in earlier runs, each with its 95 % interval, and the
    number of tasks. Failures that no prompt can help, such as a refused key, are left out.

    Args:
        template: A template's id.
        since: How far to look back, such as 12h, 30d, 8w.
        format: A table for people, or JSON for programs.
    """
    report = PromptReleases(Path()).outcomes(
        template, since=moment(since) or datetime.now(UTC) - timedelta(days=36_500)
    )
    found = {each.version: suggestions(each) for each in report.versions}
    if format == "json":
        data = report.model_dump(mode="json")
        data["suggestions"] = {name: [one.model_dump() for one in several] for name, several in found.items()}
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    elif not report.versions:
        stdout().print(f"No task has ended with a prompt of {template!r} since {report.since:%Y-%m-%d %H:%M} (UTC).")
    else:
        _print(report, found)


def _print(report: OutcomeReport, found: dict[str, tuple[Suggestion, ...]]) -> None:
    page = Table(
        "Version", "Tasks", "Success", "Verdict", "Cost $", "Seconds", "Tokens", "Attempts", box=None, pad_edge=False
    )
    for each in report.versions:
        page.add_row(*_cells(each))
    stdout().print(page)
    if not has_statistics():
        stdout().print("Intervals need SciPy: pip install 'agentic-prefect[stats]'.")
    if report.is_partial:
        stdout().print("There were more tasks than were looked at; the latest were.")
    for version, several in found.items():
        for one in several:
            stdout().print(f"{version}: {one.count} × {one.code}: {one.advice}", soft_wrap=True)


def _cells(each: VersionOutcomes) -> tuple[str, ...]:
    return (
        each.version,
        str(each.samples),
        _shown(each.success, 100, ".1f", " %"),
        _shown(each.verdict, 1, ".2f"),
        _shown(each.cost_usd, 1, ".4f"),
        _shown(each.duration_s, 1, ".1f"),
        _shown(each.tokens, 1, ".0f"),
        _shown(each.attempts, 1, ".2f"),
    )


def _shown(measure: Measure, factor: float, form: str, unit: str = "") -> str:
    if measure.mean is None:
        return "-"
    mean = f"{measure.mean * factor:{form}}{unit}"
    if measure.low is None or measure.high is None or measure.low == measure.high:
        return mean
    return f"{mean} ({measure.low * factor:{form}} to {measure.high * factor:{form}})"
