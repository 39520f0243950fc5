"""When a deployment runs by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import available_timezones

from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from pydantic import ValidationError

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.plans.names import did_you_mean
from agentic_prefect.plans.spans import span

ANCHOR: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""Intervals are counted from here, so that deploying the same again changes nothing and `1h` is on the hour."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One schedule of a deployment."""

    slug: str
    """What it is called within its deployment."""
    schedule: CronSchedule | IntervalSchedule | RRuleSchedule
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What its runs are given in place of the deployment's own: `inputs`, above all."""
    active: bool = True

    def as_wanted(self) -> DeploymentScheduleCreate:
        """What the server is asked for."""
        return DeploymentScheduleCreate(
            schedule=self.schedule, active=self.active, parameters=dict(self.parameters), slug=self.slug
        )


def cron(text: str, timezone: str = "") -> CronSchedule:
    """The schedule of a cron line.

    Raises:
        PlanInvalid: It is none, or there is no such time zone.
    """
    zone = zone_of(timezone)
    try:
        return CronSchedule(cron=text, timezone=zone)
    except ValidationError as error:
        raise PlanInvalid(f"{text!r} is no cron line. Write five fields, such as '0 7 * * 1-5'.") from error


def interval(text: str, timezone: str = "") -> IntervalSchedule:
    """The schedule of a length of time.

    Raises:
        PlanInvalid: It is none, or there is no such time zone.
    """
    return IntervalSchedule(interval=span(text), timezone=zone_of(timezone), anchor_date=ANCHOR)


def rrule(text: str, timezone: str = "") -> RRuleSchedule:
    """The schedule of a recurrence rule of iCalendar.

    Raises:
        PlanInvalid: It is none, or there is no such time zone.
    """
    zone = zone_of(timezone)
    try:
        return RRuleSchedule(rrule=text, timezone=zone)
    except ValidationError as error:
        raise PlanInvalid(f"{text!r} is no recurrence rule. Write one such as 'FREQ=WEEKLY;BYDAY=MO,TH'.") from error


def zone_of(name: str) -> str:
    """The time zone; UTC when none is named.

    Raises:
        PlanInvalid: There is no such time zone.
    """
    zones = available_timezones()
    if name and name not in zones:
        hint = did_you_mean(name, sorted(zones))
        raise PlanInvalid(f"There is no time zone {name!r}. {hint} Write one such as Europe/Berlin.".replace("  ", " "))
    return name or "UTC"


def told(schedule: DeploymentSchedule) -> str:
    """When a schedule of the server runs, in words."""
    when = schedule.schedule
    zone = getattr(when, "timezone", None) or "UTC"
    match when:
        case CronSchedule():
            return f"cron {when.cron} ({zone})"
        case IntervalSchedule():
            return f"every {_length(when.interval)}"
        case RRuleSchedule():
            return f"rrule {when.rrule} ({zone})"
        case _:
            return "never"


def _length(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    for unit, size in (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
