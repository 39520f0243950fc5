"""The prompts that earlier runs have sent."""

from collections.abc import Sequence

from agentic_prefect.bootstrap.history import open_history
from agentic_prefect.cli.recollection import look_up
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.models.history import HistoryQuery, PromptEntry
from agentic_prefect.plans.names import did_you_mean, listing


def sent_prompts(run: str, task: str, attempt: int | None = None) -> Sequence[PromptEntry]:
    """The prompts of a task's attempts, in order.

    Args:
        run: The id of the run, or the beginning of it.
        task: The task's id; `id[index]` for an item of a fan-out.
        attempt: Only those of this attempt, from 1; `None` means all.

    Raises:
        UsageError: There is no such run, or nothing is kept of such a task or attempt.
    """
    found = look_up(run)
    query = HistoryQuery(run_id=found.run.id, task_id=task, rehearsals=True)
    every = sorted(open_history().find(PromptEntry, query), key=lambda each: (each.at, each.attempt, each.refinement))
    if not every:
        names = list(dict.fromkeys(each.task_id for each in found.tasks))
        raise UsageError(
            f"No prompt of task {task!r} is kept of run {found.run.id[:8]}. {did_you_mean(task, names)} It has: "
            f"{listing(names)}. Prompts are kept while the setting `history_prompts` is on, of tasks that ask a model."
        )
    wanted = [each for each in every if attempt in (None, each.attempt)]
    if not wanted:
        known = listing(dict.fromkeys(str(each.attempt) for each in every))
        raise UsageError(f"No prompt of attempt {attempt} of task {task!r} is kept. There are attempts: {known}.")
    return wanted


def heading(entry: PromptEntry) -> str:
    """What is said over a prompt's text."""
    made = f"{entry.prompt.id}@{entry.prompt.version}, hash {entry.prompt.hash[:12]}"
    refined = f", refines {entry.parent[:12]}" if entry.parent else ""
    return f"# Attempt {entry.attempt}: template {made}, text {entry.text_hash[:12]}{refined}"
