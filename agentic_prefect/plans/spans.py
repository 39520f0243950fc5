"""Lengths of time as people write them."""

import re
from datetime import timedelta
from typing import Final

from agentic_prefect.errors import PlanInvalid

LONGEST: Final = timedelta(days=36_525)
"""A hundred years: what begins longer ago is before any run, and dates end somewhere."""
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN: Final = re.compile(r"(\d{1,6})\s*([smhdw])")


def span(text: str) -> timedelta:
    """The time that `90s`, `15m`, `2h`, `1d` or `1w` means.

    Raises:
        PlanInvalid: It means none, none at all, or more than a hundred years.
    """
    match = _SPAN.fullmatch(text.strip().lower())
    length = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta()
    if not length:
        raise PlanInvalid(f"{text!r} is no length of time. Write a number above 0 and a unit: 90s, 15m, 2h, 1d or 1w.")
    if length > LONGEST:
        raise PlanInvalid(f"{text!r} is longer than a hundred years. Write at most {LONGEST.days}d.")
    return length
