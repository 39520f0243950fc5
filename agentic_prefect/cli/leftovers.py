"""What old runs left behind, removed, and told."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from agentic_prefect.bootstrap.pruning import LEFTOVERS, Leftover, Pruned, prune
from agentic_prefect.cli.recollection import moment
from agentic_prefect.cli.server import ask_server
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.reports.wording import counted, number
from agentic_prefect.settings import AgenticSettings

KILO = 1000


def remove(older_than: str, only: Collection[Leftover]) -> Pruned:
    """Remove what is older.

    Raises:
        UsageError: Nobody says how old.
        ServerUnreachable: The Prefect server does not answer; nothing was removed.
    """
    before, keep_days = moment(older_than), AgenticSettings().keep_days
    if before is None and keep_days is not None:
        before = datetime.now(UTC) - timedelta(days=keep_days)
    if before is None:
        raise UsageError("Say how old: `--older-than 30d`, or set PREFECT_INTEGRATIONS_AGENTIC_KEEP_DAYS.")
    return ask_server(prune(before, only or LEFTOVERS))


def told(pruned: Pruned) -> str:
    """What was removed, and what was kept for whom."""
    parts: list[str] = []
    if pruned.results is not None and not pruned.results.elsewhere:
        size = f"{number(-(-pruned.results.size_bytes // KILO))} kB"
        parts.append(f"{counted(pruned.results.count, 'result')} ({size})")
    if pruned.artifacts is not None:
        parts.append(counted(pruned.artifacts, "artifact"))
    if pruned.entries is not None:
        entries = "entry" if pruned.entries == 1 else "entries"
        parts.append(f"{number(pruned.entries)} {entries} of the history")
    done = f"Removed {', '.join(parts)}." if parts else "Nothing was removed."
    if pruned.kept_for is None:
        return done
    run = pruned.kept_for
    return (
        f"{done} Results since {run.since:%d %b %Y} were kept: run {run.name!r} ({run.run_id}) has not ended. "
        f"If nobody goes on with it, cancel it."
    )
