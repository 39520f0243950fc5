"""What is found in a history, and what is not claimed."""

from datetime import timedelta
from typing import Any

import pytest

from agentic_prefect.history.patterns import find_patterns, trend
from agentic_prefect.models.history import TaskEntry
from agentic_prefect.models.patterns import Cure, PatternReport, Share
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.testing.history import MemoryHistory
from tests.history.samples import START, a_failure, a_task, at

SUCCESS, FAILURE = TaskStatus.COMPLETED, TaskStatus.FAILED


def tasks(*good: bool, **fields: Any) -> list[TaskEntry]:
    """Executions in the order of time that went well or not."""
    return [
        a_task(number, id=f"{fields.get('task_id', 'write')}-{number}", status=SUCCESS if each else FAILURE, **fields)
        for number, each in enumerate(good)
    ]


def found(store: MemoryHistory) -> PatternReport:
    """What a day of the store shows."""
    return find_patterns(store, since=START, until=START + timedelta(days=1))


def test_a_decline_is_reported() -> None:
    """Twenty executions of which ever fewer succeed: each period's rate, the fall, and that it is one."""  # L-46
    ratio = trend(tasks(*[True] * 8, *[True, True, False, False], *[False] * 8), "success_ratio")

    assert ratio.periods == (1.0, 1.0, 0.5, 0.0, 0.0)
    assert ratio.change == pytest.approx(-1.2)
    assert (ratio.direction, ratio.samples) == ("worse", 20)


def test_nine_samples_are_insufficient() -> None:
    """Nothing is said about a trend; with ten, something is."""  # L-46
    nine, ten = trend(tasks(*[False] * 9), "success_ratio"), trend(tasks(*[False] * 10), "success_ratio")

    assert (nine.direction, nine.periods, nine.change, nine.samples) == ("insufficient", (), None, 9)
    assert (ten.direction, ten.periods) == ("steady", (0.0,) * 5)


@pytest.mark.parametrize(
    ("durations", "direction"),
    [
        ([1.0, 1.0, 1.0, 1.0, 1.0], "steady"),
        ([1.0, 1.04, 1.08, 1.12, 1.16], "steady"),
        ([1.0, 1.1, 1.2, 1.3, 1.4], "worse"),
        ([1.4, 1.3, 1.2, 1.1, 1.0], "better"),
        ([0.0, 0.0, 0.0, 0.0, 0.0], "steady"),
    ],
)
def test_a_duration_that_grows_by_a_fifth_is_worse(durations: list[float], direction: str) -> None:
    """Smaller changes are steady; a shorter one is better."""  # L-46
    entries = [a_task(number, duration_s=durations[number // 4]) for number in range(20)]

    assert trend(entries, "duration_s").direction == direction


def test_what_has_no_value_is_no_sample() -> None:
    """Tasks without a duration do not count."""
    entries = [a_task(number, duration_s=1.0 if number % 2 else None) for number in range(18)]

    assert (trend(entries, "duration_s").samples, trend(entries, "duration_s").direction) == (9, "insufficient")


def test_failures_are_counted_by_code_task_and_model() -> None:
    """The most frequent first, five at most; an item counts for its task."""  # F-49 L-46
    store = MemoryHistory()
    codes = [*["timeout"] * 3, *["server"] * 2, "refusal", "permission", "connection", "rate_limit"]
    store.register(*(a_failure(number, code=code, task_id=f"search[{number}]") for number, code in enumerate(codes)))
    report = found(store)

    assert report.by_code == (
        Share(name="timeout", count=3),
        Share(name="server", count=2),
        Share(name="connection", count=1),
        Share(name="permission", count=1),
        Share(name="rate_limit", count=1),
    )
    assert report.by_task == (Share(name="trip/search", count=9),)
    assert report.by_model == (Share(name="gpt-small", count=9),)


def test_what_helped_is_counted() -> None:
    """How often each remedy led to an output; what is still open is left out, and so is doing nothing."""  # L-46
    store = MemoryHistory()
    store.register(
        *(a_failure(number, recovered=number < 2) for number in range(3)),
        a_failure(3, recovered=None),
        a_failure(4, resolution="fallback"),
        a_failure(5, resolution="none", recovered=False),
    )

    assert found(store).cures == (
        Cure(code="rate_limit", resolution="retry", count=3, recovered=2),
        Cure(code="rate_limit", resolution="fallback", count=1, recovered=1),
    )


def test_executions_are_those_that_ran_to_an_end() -> None:
    """Skipped, cancelled, stored and composite ones, and rehearsals, are none."""
    store = MemoryHistory()
    store.register(
        *tasks(True, False),
        a_task(10, status=TaskStatus.SKIPPED),
        a_task(11, status=TaskStatus.CANCELLED),
        a_task(12, cached=True),
        a_task(13, composite=True),
        a_task(14, rehearsal=True),
        a_task(15, at=START - timedelta(days=1)),
    )

    assert (found(store).executions, found(store).failed) == (2, 1)


def test_the_tasks_that_became_worse_come_first() -> None:
    """Behind what is said about everything; those that are steady are not told of."""  # L-46
    store = MemoryHistory()
    half = [True] * 5, [False] * 5
    store.register(*tasks(*half[0], *half[1], task_id="sinks"))
    store.register(*tasks(*half[1], *half[0], task_id="rises"))
    store.register(*tasks(*[True] * 10, task_id="stays"))
    told = [(each.subject, each.figure, each.direction) for each in found(store).trends]

    assert told == [
        ("", "success_ratio", "steady"),
        ("", "duration_s", "steady"),
        ("", "tokens", "steady"),
        ("trip/sinks", "success_ratio", "worse"),
        ("trip/rises", "success_ratio", "better"),
    ]


def test_slow_and_heavy_tasks() -> None:
    """By their median time and mean tokens, with how closely the time goes with what is written; ten at least."""
    # L-46
    store = MemoryHistory()
    for number in range(1, 11):
        usage = Usage(input_tokens=100, output_tokens=10 * number, calls=1)
        store.register(a_task(number, id=f"slow-{number}", task_id="slow", duration_s=float(number), usage=usage))
        store.register(a_task(number, id=f"quick-{number}", task_id="quick", duration_s=0.1))
    store.register(*(a_task(number, id=f"rare-{number}", task_id="rare", duration_s=999.0) for number in range(9)))
    report = found(store)

    assert [(each.subject, each.median_duration_s, each.samples) for each in report.slowest] == [
        ("trip/slow", 5.5, 10),
        ("trip/quick", 0.1, 10),
    ]
    assert [(each.subject, each.mean_tokens) for each in report.heaviest] == [
        ("trip/quick", 1234.0),
        ("trip/slow", 155.0),
    ]
    assert [each.correlation for each in report.slowest] == [pytest.approx(1.0), None]


def test_advice_needs_ten_cases() -> None:
    """Against a frequent error what usually helps; against retries that do not, to leave them."""  # L-46
    store = MemoryHistory()
    store.register(*(a_failure(number, recovered=number == 0) for number in range(9)))
    before = found(store).advice
    store.register(a_failure(9, recovered=False))

    assert before == ()
    assert [line.partition(" (")[0].partition(":")[0] for line in found(store).advice] == [
        "`rate_limit` ended 10 attempts",
        "Retries seldom help against `rate_limit`",
    ]


def test_an_empty_history_shows_nothing() -> None:
    """No figure is made up."""
    report = found(MemoryHistory())

    assert (report.executions, report.failures, report.by_code, report.advice) == (0, 0, (), ())
    assert {each.direction for each in report.trends} == {"insufficient"}


def test_the_span_of_time_holds() -> None:
    """What was before or after it does not count."""
    store = MemoryHistory()
    store.register(a_failure(1), a_failure(2, at=START - timedelta(seconds=1)), a_failure(3, at=at(86_400)))

    assert found(store).failures == 1
