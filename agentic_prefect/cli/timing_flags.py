"""The options that `deploy` and `schedule add` share."""

from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Group, Parameter

WHEN: Final = Group("When", sort_key=2)
SEVERAL: Final = Parameter(group=WHEN, negative=(), show_default=False)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class TimingFlags:
    """When runs are made by themselves."""

    cron: Annotated[tuple[str, ...], SEVERAL] = ()
    """A cron line, such as '0 7 * * 1-5'; again for each further one."""
    interval: Annotated[tuple[str, ...], SEVERAL] = ()
    """A length of time, such as 15m, 2h or 1d."""
    rrule: Annotated[tuple[str, ...], SEVERAL] = ()
    """A recurrence rule of iCalendar, such as 'FREQ=WEEKLY;BYDAY=MO,TH'."""
    timezone: Annotated[str, Parameter(group=WHEN)] = ""
    """The time zone that is meant, such as Europe/Berlin; UTC unless it is given."""
    schedule_input: Annotated[tuple[str, ...], SEVERAL] = ()
    """A value for one of the plan's inputs in the scheduled runs, as NAME=VALUE; again for each further one."""


NOT_TIMED: Final = TimingFlags()
