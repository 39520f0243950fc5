"""What runs leave behind, removed when it is old: results, artifacts, history."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from agentic_prefect.bootstrap.history import open_history
from agentic_prefect.bootstrap.unfinished import Unfinished, oldest_unfinished
from agentic_prefect.observers.old_artifacts import remove_artifacts
from agentic_prefect.runtime.stored_results import RemovedResults, remove_results

Leftover = Literal["results", "artifacts", "history"]
LEFTOVERS: Final[tuple[Leftover, ...]] = get_args(Leftover)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed; `None` is what was left alone."""

    results: RemovedResults | None = None
    artifacts: int | None = None
    entries: int | None = None
    """Of the history."""
    kept_for: Unfinished | None = None
    """A run that has not ended, for whose sake results that are older were left alone; `None` where there was none."""


async def prune(before: datetime, only: Collection[Leftover] = LEFTOVERS) -> Pruned:
    """Remove what is older than a moment, but no result that a run which has not ended may need.

    Args:
        before: The moment.
        only: What is to be removed.

    Raises:
        httpx.HTTPError: The Prefect server could not be reached or refused.
        HistoryUnusable: The history cannot be written.
    """
    kept_for = await oldest_unfinished(before) if "results" in only else None
    results = await remove_results(kept_for.since if kept_for else before) if "results" in only else None
    return Pruned(
        artifacts=await remove_artifacts(before) if "artifacts" in only else None,
        results=results,
        kept_for=None if results and results.elsewhere else kept_for,
        entries=await asyncio.to_thread(lambda: open_history().prune(before)) if "history" in only else None,
    )
