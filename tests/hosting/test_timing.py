"""Schedules as they are written."""

from datetime import timedelta

import pytest

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.hosting.timing import cron, interval, rrule, span


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2 h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_lengths_of_time(text: str, length: timedelta) -> None:
    """A number and a unit."""
    assert span(text) == length


@pytest.mark.parametrize("text", ["", "0m", "15", "m", "15 months", "-2h"])
def test_what_is_no_length_of_time(text: str) -> None:
    """The message shows what one looks like."""
    with pytest.raises(PlanInvalid, match="90s, 15m, 2h, 1d or 1w"):
        span(text)


def test_the_same_interval_twice_is_the_same_schedule() -> None:
    """It is counted from a fixed moment, so that deploying again changes nothing."""
    assert interval("1h") == interval("60m")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cron("every morning"), "'every morning' is no cron line"),
        (lambda: rrule("sometimes"), "'sometimes' is no recurrence rule"),
        (lambda: cron("0 7 * * *", "Europe/Berln"), "Did you mean 'Europe/Berlin'"),
    ],
)
def test_what_is_no_schedule(make, message: str) -> None:
    """What is wrong is named, with what would be right."""
    with pytest.raises(PlanInvalid, match=message):
        make()
