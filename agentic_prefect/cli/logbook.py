"""What `runs` does."""

import json
from collections.abc import Sequence

from rich.table import Table

from agentic_prefect.cli.launching import require_lasting_server
from agentic_prefect.cli.server import ask_server
from agentic_prefect.hosting.runs import Kind, KnownRun, cancel, runs, show
from agentic_prefect.plans.names import telling_chars
from agentic_prefect.reports.wording import duration, one_line


def listed(deployment: str, kind: Kind | None, latest: int) -> Sequence[KnownRun]:
    """The runs on the server."""
    require_lasting_server()
    return ask_server(runs(deployment, kind, latest=latest))


def looked_up(reference: str) -> KnownRun:
    """One run."""
    require_lasting_server()
    return ask_server(show(reference))


def call_off(reference: str) -> str:
    """Cancel a run; what there is to say about it."""
    require_lasting_server()
    run = ask_server(cancel(reference))
    return f"Run {run.name!r} ({run.id}) is {run.state}."


def table(found: Sequence[KnownRun]) -> Table:
    """The runs, a row each."""
    page = Table("Run", "Name", "Deployment", "State", "When", "Took", "Started by", box=None, pad_edge=False)
    length = telling_chars(each.id for each in found)
    for each in found:
        at = each.started_at or each.expected_at
        took = duration(each.elapsed_s) if each.started_at else ""
        when = f"{at:%d %b %H:%M}" if at else ""
        page.add_row(
            each.id[:length], one_line(each.name, 40), each.deployment, each.state, when, took, each.started_by
        )
    return page


def told(run: KnownRun) -> str:
    """One run in lines."""
    at = run.started_at or run.expected_at
    facts = {
        "Run": f"{run.name} ({run.id})",
        "State": f"{run.state}: {run.message}" if run.message else run.state,
        "Plan": run.plan,
        "Deployment": run.deployment,
        "Inputs": json.dumps(run.inputs, ensure_ascii=False) if run.inputs else "",
        "Started" if run.started_at else "Planned": f"{at:%d %b %Y %H:%M:%S}" if at else "",
        "Took": duration(run.elapsed_s) if run.started_at else "",
        "Started by": run.started_by,
        "Page": run.url or "",
    }
    return "\n".join(f"{name + ':':<12}{fact}" for name, fact in facts.items() if fact)
