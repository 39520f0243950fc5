"""What `schedule` does."""

import json
import re
from collections.abc import Sequence

from rich.table import Table

from agentic_prefect.cli.launching import require_lasting_server, timings_of
from agentic_prefect.cli.server import ask_server
from agentic_prefect.cli.timing_flags import TimingFlags
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.hosting.deploying import SLUG
from agentic_prefect.hosting.schedules import Scheduled, add_schedule, plan_of, remove_schedule, schedules, set_active
from agentic_prefect.reports.wording import one_line

NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
"""What a schedule may be called on the server."""


def listed(deployment: str) -> Sequence[Scheduled]:
    """The schedules that there are."""
    require_lasting_server()
    return ask_server(schedules(deployment))


def table(found: Sequence[Scheduled]) -> Table:
    """The schedules, a row each."""
    page = Table("Deployment", "Schedule", "When", "State", "Next", "Inputs", box=None, pad_edge=False)
    for each in found:
        next_at = f"{each.next_at:%d %b %H:%M} UTC" if each.next_at else ""
        inputs = one_line(json.dumps(each.inputs, ensure_ascii=False), 60) if each.inputs else ""
        page.add_row(each.deployment, each.slug, each.when, "on" if each.active else "paused", next_at, inputs)
    return page


def add(deployment: str, name: str, flags: TimingFlags) -> None:
    """Add a schedule.

    Raises:
        UsageError: There is none or more than one, its name will not do, or an input is wrong.
    """
    if not re.fullmatch(NAME, name) or name.startswith(SLUG):
        raise UsageError(
            f"The name {name!r} will not do. Use lower-case letters, digits and single hyphens, and do not begin with "
            f"{SLUG!r}: those are the ones that `deploy` keeps."
        )
    require_lasting_server()
    timings = timings_of(flags, ask_server(plan_of(deployment)), slug=name)
    if len(timings) != 1:
        raise UsageError("Give one of `--cron`, `--interval` and `--rrule`, once.")
    ask_server(add_schedule(deployment, timings[0]))


def switch(deployment: str, schedule: str, *, active: bool) -> None:
    """Pause or resume a schedule."""
    require_lasting_server()
    ask_server(set_active(deployment, schedule, active))


def take_away(deployment: str, schedule: str) -> None:
    """Remove a schedule."""
    require_lasting_server()
    ask_server(remove_schedule(deployment, schedule))
