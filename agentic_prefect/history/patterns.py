"""Finds patterns in a history: what fails, what helps against it, and what has become worse."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from agentic_prefect.models.history import FailureEntry, HistoryQuery, TaskEntry
from agentic_prefect.models.patterns import Cost, Cure, Direction, PatternReport, Share, Trend
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.ports import HistoryStore

MIN_SAMPLES = 10
"""With fewer executions, or fewer failures of a kind, no rate, no trend and no advice is given."""
PERIODS = 5
NOTABLE_CHANGE = 0.2
"""A smaller change of a rate (in points), or of a mean (as a share of it), is called steady."""
TOP = 5
MOST_READ = 10_000
"""Executions and failures that are looked at, the latest."""

Figure = Callable[[TaskEntry], float | None]

_FIGURES: Mapping[str, Figure] = {
    "success_ratio": lambda task: float(task.status is TaskStatus.COMPLETED),
    "duration_s": lambda task: task.duration_s,
    "tokens": lambda task: float(task.usage.total_tokens) if task.usage.calls else None,
}

_ADVICE: Mapping[str, str] = {
    "rate_limit": "lower `max_concurrency`, or set `requests_per_minute` on the connection",
    "overloaded": "name a fallback, or run at another hour",
    "timeout": "raise `timeout_s`, or set `timeout_factor` on the rule for `timeout`",
    "connection": "see whether the provider can be reached from the workers (`agentic-prefect doctor`)",
    "authentication": "check the key (`agentic-prefect doctor`)",
    "permission": "check what the key may do",
    "context_length": "shorten the context, or take a model with a larger window",
    "invalid_output": "allow more `repair`, or simplify the output's schema",
    "budget_exceeded": "raise the budget, or take a cheaper model",
    "human_timeout": "lengthen the deadline, or set another default",
}


def find_patterns(store: HistoryStore, *, since: datetime, until: datetime) -> PatternReport:
    """What the history of a span of time shows. Rehearsals are left out.

    Raises:
        HistoryUnusable: The store cannot be read.
    """
    query = HistoryQuery(since=since, until=until, latest=MOST_READ)
    failures = store.find(FailureEntry, query)
    found = store.find(TaskEntry, query)
    ended = {TaskStatus.COMPLETED, TaskStatus.FAILED}
    # What was taken over from another run says nothing about this one, and a fan-out's items speak for it.
    tasks = [task for task in reversed(found) if task.status in ended and not (task.cached or task.composite)]
    subjects: defaultdict[str, list[TaskEntry]] = defaultdict(list)
    for task in tasks:
        subjects[_subject(task)].append(task)
    by_code, cures = _shares(failure.code for failure in failures), _cures(failures)
    return PatternReport(
        since=since,
        until=until,
        executions=len(tasks),
        failed=sum(task.status is TaskStatus.FAILED for task in tasks),
        failures=len(failures),
        min_samples=MIN_SAMPLES,
        by_code=by_code,
        by_task=_shares(_subject(failure) for failure in failures),
        by_model=_shares(failure.model for failure in failures if failure.model),
        cures=cures,
        trends=_trends(tasks, subjects),
        slowest=_costs(subjects, lambda cost: cost.median_duration_s),
        heaviest=_costs(subjects, lambda cost: cost.mean_tokens),
        advice=_advice(by_code, cures),
        is_partial=MOST_READ in (len(failures), len(found)),
    )


def trend(tasks: Sequence[TaskEntry], figure: str, subject: str = "") -> Trend:
    """How a figure has moved.

    A straight line (least squares) through the means of five successive periods of equally many executions; no test
    of significance is made, and the number of samples is given with it.

    Args:
        tasks: Executions, the oldest first.
        figure: `success_ratio`, `duration_s` or `tokens`.
        subject: What they are executions of.
    """
    values = [value for task in tasks if (value := _FIGURES[figure](task)) is not None]
    about = {"subject": subject, "figure": figure, "samples": len(values)}
    if len(values) < MIN_SAMPLES:
        return Trend.model_validate({**about, "direction": "insufficient"})
    bounds = [len(values) * number // PERIODS for number in range(PERIODS + 1)]
    periods = [statistics.fmean(values[start:end]) for start, end in pairwise(bounds)]
    change = statistics.linear_regression(range(PERIODS), periods).slope * (PERIODS - 1)
    if figure != "success_ratio":
        mean = statistics.fmean(periods)
        change = change / mean if mean else 0.0
    direction = _direction(change if figure == "success_ratio" else -change)
    return Trend.model_validate({**about, "periods": tuple(periods), "change": change, "direction": direction})


def _direction(gain: float) -> Direction:
    # Rounded, since a line through 1.0, 0.95, … has a slope of -0.05000000000000001.
    gain = round(gain, 9)
    return "steady" if abs(gain) < NOTABLE_CHANGE else "better" if gain > 0 else "worse"


def _trends(tasks: Sequence[TaskEntry], subjects: Mapping[str, Sequence[TaskEntry]]) -> tuple[Trend, ...]:
    overall = [trend(tasks, figure) for figure in _FIGURES]
    each = [trend(several, figure, subject) for subject, several in subjects.items() for figure in _FIGURES]
    moved = [one for one in each if one.direction in ("worse", "better")]
    moved.sort(key=lambda one: (one.direction != "worse", -abs(one.change or 0.0), one.subject))
    return (*overall, *moved[: 2 * TOP])


def _cures(failures: Sequence[FailureEntry]) -> tuple[Cure, ...]:
    known = Counter((each.code, each.resolution) for each in failures if each.recovered is not None)
    recovered = Counter((each.code, each.resolution) for each in failures if each.recovered)
    return tuple(
        Cure(code=code, resolution=resolution, count=count, recovered=recovered[code, resolution])
        for (code, resolution), count in sorted(known.items(), key=lambda each: (-each[1], each[0]))
        if resolution != "none"
    )


def _costs(subjects: Mapping[str, Sequence[TaskEntry]], by: Callable[[Cost], float | None]) -> tuple[Cost, ...]:
    costs = [_cost(subject, tasks) for subject, tasks in subjects.items() if len(tasks) >= MIN_SAMPLES]
    ranked = sorted((cost for cost in costs if by(cost)), key=lambda cost: (-(by(cost) or 0.0), cost.subject))
    return tuple(ranked[:TOP])


def _cost(subject: str, tasks: Sequence[TaskEntry]) -> Cost:
    times = [task.duration_s for task in tasks if task.duration_s is not None]
    tokens = [task.usage.total_tokens for task in tasks if task.usage.calls]
    pairs = [(task.usage.output_tokens, task.duration_s) for task in tasks if task.duration_s is not None]
    correlation = None
    if len(pairs) >= MIN_SAMPLES and all(len(set(column)) > 1 for column in zip(*pairs, strict=True)):
        correlation = statistics.correlation(*zip(*pairs, strict=True))
    return Cost(
        subject=subject,
        samples=len(tasks),
        median_duration_s=statistics.median(times) if times else None,
        mean_tokens=statistics.fmean(tokens) if tokens else None,
        correlation=correlation,
    )


def _advice(by_code: Sequence[Share], cures: Sequence[Cure]) -> tuple[str, ...]:
    lines = [
        f"`{share.name}` ended {share.count} attempts: {_ADVICE[share.name]}."
        for share in by_code
        if share.count >= MIN_SAMPLES and share.name in _ADVICE
    ]
    lines += [
        f"Retries seldom help against `{cure.code}` ({cure.recovered} of {cure.count} led to an output): name a "
        f"fallback, or let a person decide, rather than try again."
        for cure in cures
        if cure.resolution == "retry" and cure.count >= MIN_SAMPLES and cure.recovered / cure.count < NOTABLE_CHANGE
    ]
    return tuple(lines)


def _shares(names: Iterable[str]) -> tuple[Share, ...]:
    counted = Counter(names)
    return tuple(Share(name=name, count=count) for name, count in sorted(counted.items(), key=lambda e: (-e[1], e[0])))[
        :TOP
    ]


def _subject(entry: TaskEntry | FailureEntry) -> str:
    return f"{entry.plan}/{entry.task_id.partition('[')[0]}"
