"""Schedules as they are written."""

import pytest

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.hosting.timing import cron, interval, rrule


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
