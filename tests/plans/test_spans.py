"""Lengths of time as people write them."""

from datetime import timedelta

import pytest

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.plans.spans import span


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


@pytest.mark.parametrize("text", ["999999w", "36526d"])
def test_no_length_of_time_is_longer_than_a_hundred_years(text: str) -> None:
    """No date is so far away that it cannot be reckoned with."""
    with pytest.raises(PlanInvalid, match="Write at most 36525d"):
        span(text)
