"""Numbers, times and states as people read them."""

import re
from decimal import Decimal

from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.models.verdict import Verdict

UNKNOWN_COST = "unknown"
"""Shown for a cost of `None`, which is not the same as free."""

GLYPHS: dict[TaskStatus, str] = {
    TaskStatus.PENDING: "○",
    TaskStatus.IN_PROGRESS: "●",
    TaskStatus.RETRYING: "↻",
    TaskStatus.AWAITING_HUMAN: "?",
    TaskStatus.COMPLETED: "✓",
    TaskStatus.FAILED: "✗",
    TaskStatus.SKIPPED: "⊘",
    TaskStatus.CANCELLED: "■",
}
"""One narrow character per state; none of them needs an emoji font."""

PLAN_GLYPHS: dict[PlanStatus, str] = {
    PlanStatus.COMPLETED: "✓",
    PlanStatus.PARTIAL_FAILURE: "✗",
    PlanStatus.FAILED: "✗",
    PlanStatus.CANCELLED: "■",
}

_SMALLEST_USD = Decimal("0.000001")
_SPACES = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u2069\ufeff]")


def state(status: TaskStatus | PlanStatus | None) -> str:
    """A state with its glyph, such as `✓ completed`; `None` is a plan that still runs."""
    if status is None:
        return f"{GLYPHS[TaskStatus.IN_PROGRESS]} running"
    glyph = GLYPHS[status] if isinstance(status, TaskStatus) else PLAN_GLYPHS[status]
    return f"{glyph} {status.value.replace('_', ' ')}"


def duration(seconds: float | None) -> str:
    """Seconds in one of the forms `250ms`, `1.5s`, `2m 5s`, `1h 3m`; `-` for `None`."""
    if seconds is None:
        return "-"
    seconds = max(seconds, 0.0)
    if round(seconds * 1000) < 1000:
        return f"{round(seconds * 1000)}ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s"
    if round(seconds) < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}m {rest}s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}h {minutes}m"


def cost(usd: Decimal | None) -> str:
    """US dollars: `$0`, `$1,234.50`, `$0.25`; below ten cents two digits count (`$0.0042`); `None` is `unknown`."""
    if usd is None:
        return UNKNOWN_COST
    if usd == 0:
        return "$0"
    if usd < _SMALLEST_USD:
        return f"<${_SMALLEST_USD:f}"
    if usd >= Decimal("0.1"):
        return f"${usd:,.2f}"
    places = 1 - usd.adjusted()
    return f"${round(usd, places):f}"


def number(value: int) -> str:
    """A count with its thousands set apart."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"


def spent(usage: Usage) -> str:
    """Tokens, calls and cost in one phrase; what the provider took from its cache is told where there is any."""
    cached = f" ({number(usage.cached_tokens)} from the cache)" if usage.cached_tokens else ""
    tokens = f"{counted(usage.total_tokens, 'token')}{cached}"
    return f"{tokens} in {counted(usage.calls, 'call')}, cost {cost(usage.cost_usd)}"


def not_paid_again(results: int, usage: Usage) -> str:
    """What stored results had cost, in one sentence without its full stop; empty where there are none."""
    return f"Not paid again: {counted(results, 'stored result')} of {spent(usage)}" if results else ""


def judged(verdict: Verdict | None) -> str:
    """What checks found, to be put after a state: `, verified (90%)`; empty without checks, and for what failed."""
    if verdict is None or verdict.outcome == "rejected":
        return ""
    score = f" ({verdict.confidence_ratio:.0%})" if verdict.confidence_ratio is not None else ""
    return f", {verdict.outcome}{score}"


def printable(text: str) -> str:
    """The text without characters that steer a terminal or reorder a line; line ends and tabs stay."""
    return _CONTROL.sub("", text)


def one_line(text: str, limit: int = 120) -> str:
    """The text on one line of at most `limit` characters."""
    line = _SPACES.sub(" ", printable(text[: limit * 8])).strip()
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def clip(text: str, limit: int) -> str:
    """The text's first `limit` characters, and how many are left out."""
    return text if len(text) <= limit else f"{text[:limit]}\n… {counted(len(text) - limit, 'more character')}"
