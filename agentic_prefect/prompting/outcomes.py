"""How the versions of a template have done, out of the history."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from agentic_prefect.models.history import FailureEntry, HistoryQuery, TaskEntry
from agentic_prefect.models.outcomes import OutcomeReport, VersionOutcomes
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.ports import HistoryStore
from agentic_prefect.prompting.intervals import CONFIDENCE_RATIO, mean_of, share

MOST_READ: Final = 20_000
"""Tasks and failures that are looked at, the latest."""
MESSAGES: Final = 3
"""How many messages are shown for each error."""

NOT_THE_PROMPTS: Final = frozenset(
    {
        "rate_limit",
        "connection",
        "server",
        "overloaded",
        "authentication",
        "permission",
        "budget_exceeded",
        "human_timeout",
        "critical",
        "unexpected",
        "plan_invalid",
    }
)
"""Codes of errors that no prompt can help."""


def outcomes(
    store: HistoryStore,
    template_id: str,
    *,
    since: datetime,
    until: datetime,
    confidence_ratio: float = CONFIDENCE_RATIO,
) -> OutcomeReport:
    """How each version has done in tasks that began in a span of time, the best one first: by the share that succeeded,
    then by what checks said, then by cost. Rehearsals, and results that were taken over from other runs, do not count.

    Raises:
        HistoryUnusable: The history cannot be read.
    """
    query = HistoryQuery(prompt_id=template_id, since=since, until=until, latest=MOST_READ)
    tasks, failures = store.find(TaskEntry, query), store.find(FailureEntry, query)
    last_codes = _last_codes(failures)
    grouped: defaultdict[str, list[TaskEntry]] = defaultdict(list)
    for task in tasks:
        if _counts(task, last_codes) and task.prompt is not None:
            grouped[task.prompt.version].append(task)
    failed: defaultdict[str, list[FailureEntry]] = defaultdict(list)
    for failure in failures:
        if failure.prompt is not None and failure.code not in NOT_THE_PROMPTS:
            failed[failure.prompt.version].append(failure)
    found = [
        _of_version(template_id, version, grouped[version], failed[version], confidence_ratio) for version in grouped
    ]
    return OutcomeReport(
        template=template_id,
        since=since,
        until=until,
        confidence_ratio=confidence_ratio,
        versions=tuple(sorted(found, key=_rank)),
        is_partial=MOST_READ in (len(tasks), len(failures)),
    )


def nothing_known(template_id: str, version: str) -> VersionOutcomes:
    """The outcomes of a version that nobody has used."""
    return VersionOutcomes(template=template_id, version=version, samples=0, succeeded=0, success=share(0, 0))


def _last_codes(failures: Iterable[FailureEntry]) -> Mapping[tuple[str, str], str]:
    """What each task's last failed attempt ended with: a task that used up its retries says no more than that."""
    ordered = sorted(failures, key=lambda failure: failure.attempt)
    return {(failure.run_id, failure.task_id): failure.code for failure in ordered}


def _counts(task: TaskEntry, last_codes: Mapping[tuple[str, str], str]) -> bool:
    if task.cached or task.composite or task.status not in (TaskStatus.COMPLETED, TaskStatus.FAILED):
        return False
    code = last_codes.get((task.run_id, task.task_id), task.code)
    return task.status is TaskStatus.COMPLETED or code not in NOT_THE_PROMPTS


def _of_version(
    template_id: str,
    version: str,
    tasks: Sequence[TaskEntry],
    failures: Sequence[FailureEntry],
    confidence_ratio: float,
) -> VersionOutcomes:
    def measure(values: Iterable[float | None]) -> tuple[float, ...]:
        return tuple(value for value in values if value is not None)

    succeeded = sum(task.status is TaskStatus.COMPLETED for task in tasks)
    figures = {
        "verdict": measure(task.verdict_ratio for task in tasks),
        "cost_usd": measure(None if task.usage.cost_usd is None else float(task.usage.cost_usd) for task in tasks),
        "duration_s": measure(task.duration_s for task in tasks),
        "tokens": measure(float(task.usage.total_tokens) if task.usage.calls else None for task in tasks),
        "attempts": measure(float(task.attempts) for task in tasks),
    }
    said: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for failure in failures:
        said[failure.code][failure.message] += 1
    counts = Counter(failure.code for failure in failures)
    return VersionOutcomes(
        template=template_id,
        version=version,
        samples=len(tasks),
        succeeded=succeeded,
        success=share(succeeded, len(tasks), confidence_ratio=confidence_ratio),
        failures=dict(sorted(counts.items(), key=lambda each: (-each[1], each[0]))),
        messages={
            code: tuple(message for message, _ in messages.most_common(MESSAGES)) for code, messages in said.items()
        },
        **{name: mean_of(values, confidence_ratio=confidence_ratio) for name, values in figures.items()},
    )


def _rank(found: VersionOutcomes) -> tuple[float, float, float, str]:
    cost = found.cost_usd.mean
    return (
        -(found.success.mean or 0.0),
        -(found.verdict.mean or 0.0),
        cost if cost is not None else float("inf"),
        found.version,
    )
