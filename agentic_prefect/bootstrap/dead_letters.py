"""Dead letters: tasks that failed for good, to be looked at, done again, or put aside."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from agentic_prefect.bootstrap.history import open_history
from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.bootstrap.recorded import find
from agentic_prefect.bootstrap.run import run_plan
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.history import DeadLetterEntry, FailureEntry, HistoryQuery
from agentic_prefect.models.result import PlanResult

MOST_LISTED = 5


def dead_letters(query: HistoryQuery) -> Sequence[DeadLetterEntry]:
    """The letters that are meant, the latest first.

    Raises:
        HistoryUnusable: The history cannot be read.
    """
    return open_history().find(DeadLetterEntry, query)


def dead_letter(reference: str) -> DeadLetterEntry:
    """The letter with this id, or the only one whose id begins so.

    Raises:
        PlanInvalid: There is none, or there are several.
        HistoryUnusable: The history cannot be read.
    """
    store, wanted = open_history(), reference.strip().lower()
    exact = store.get(DeadLetterEntry, wanted)
    if exact is not None:
        return exact
    every = store.find(DeadLetterEntry, HistoryQuery(rehearsals=True))
    found = [letter for letter in every if wanted and letter.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{each.id[:8]} ({each.plan}: {each.task_id})" for each in (found or every)[:MOST_LISTED])
    what = f"{len(found)} dead letters begin with" if found else "No dead letter begins with"
    raise PlanInvalid(
        f"{what} {reference!r}. The latest: {listed or 'none'}. See `agentic-prefect deadletters list --status all`."
    )


def failures_within(letter: DeadLetterEntry) -> Sequence[FailureEntry]:
    """The failed attempts of the tasks inside a sub-plan that is a dead letter, oldest first."""
    if letter.kind != "plan":
        return ()
    inner = HistoryQuery(lineage=f"{letter.lineage}/{letter.task_id}", rehearsals=True)
    return open_history().find(FailureEntry, inner)[::-1]


def discard(letter: DeadLetterEntry, reason: str) -> DeadLetterEntry:
    """Note that nothing is to be done about a letter; one that is not open stays as it is.

    Raises:
        HistoryUnusable: The history cannot be written.
    """
    if letter.status != "open":
        return letter
    changed = letter.model_copy(update={"status": "discarded", "comment": reason, "updated_at": datetime.now(UTC)})
    open_history().update(changed)
    return changed


async def replay(reference: str, *, options: RunOptions | None = None) -> PlanResult | None:
    """Go on from the run in which a task failed for good: only what is unfinished is done and paid.

    The letter is resolved when the task has an output, or something stands in for it, or the plan completes without.

    Args:
        reference: The letter's id, or the beginning of it.
        options: What the new run sets; what the earlier one had been given holds besides.

    Returns:
        What became of the new run; `None`, and nothing is done, when the letter is not open.

    Raises:
        PlanInvalid: There is no such letter, its run is gone, or it goes on at this moment.
        HistoryUnusable: The history cannot be read.
    """
    letter = dead_letter(reference)
    if letter.status != "open":
        return None
    earlier = await find(letter.run_id)
    if not earlier.has_ended:
        raise PlanInvalid(
            f"Run {letter.run_id} has not ended, so that nothing can go on from it. Wait for it, or cancel it."
        )
    given = options or RunOptions(policy=earlier.record.policy)
    resumed = replace(given, resume=letter.run_id, run_name=given.run_name or earlier.name)
    return await run_plan(earlier.plan(), earlier.inputs, options=resumed)
