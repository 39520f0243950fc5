"""Figures and states are shown in one way everywhere."""

from decimal import Decimal

import pytest

from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.models.verdict import Outcome, Verdict
from agentic_prefect.reports.wording import GLYPHS, clip, cost, duration, judged, one_line, printable, spent, state

DURATIONS = [
    (None, "-"),
    (-0.5, "0ms"),
    (0.0, "0ms"),
    (0.25, "250ms"),
    (0.9994, "999ms"),
    (0.9996, "1.0s"),
    (1.5, "1.5s"),
    (59.94, "59.9s"),
    (59.96, "1m 0s"),
    (125.0, "2m 5s"),
    (3599.4, "59m 59s"),
    (3599.6, "1h 0m"),
    (3780.0, "1h 3m"),
    (90_000.0, "25h 0m"),
]


@pytest.mark.parametrize(("seconds", "shown"), DURATIONS)
def test_durations_take_the_form_that_fits_their_size(seconds: float | None, shown: str) -> None:
    """A duration is shown in the two largest units that matter, and rounding never gives 60 of one."""  # L-58
    assert duration(seconds) == shown


COSTS = [
    (None, "unknown"),
    (Decimal(0), "$0"),
    (Decimal("0.0000001"), "<$0.000001"),
    (Decimal("0.00042"), "$0.00042"),
    (Decimal("0.0312"), "$0.031"),
    (Decimal("0.25"), "$0.25"),
    (Decimal("12.345"), "$12.34"),
    (Decimal("1234.5"), "$1,234.50"),
]


@pytest.mark.parametrize(("usd", "shown"), COSTS)
def test_cost_tells_unknown_from_free_and_keeps_what_is_tiny_readable(usd: Decimal | None, shown: str) -> None:
    """An unknown cost is never shown as nothing, and a tiny one never as $0.00."""
    assert cost(usd) == shown


def test_every_state_has_a_glyph_of_its_own() -> None:
    """No two task states look alike, and each can be shown."""  # L-58
    assert set(GLYPHS) == set(TaskStatus)
    assert len(set(GLYPHS.values())) == len(TaskStatus)
    assert state(TaskStatus.IN_PROGRESS) == "● in progress"
    assert state(PlanStatus.PARTIAL_FAILURE) == "✗ partial failure"
    assert state(None) == "● running"


def test_text_from_elsewhere_cannot_steer_the_terminal() -> None:
    """Escape sequences and characters that turn the line around are gone; the words stay."""
    assert printable("\x1b[31mred\x1b[0m \u202eback\x07\ttab\n") == "[31mred[0m back\ttab\n"


def test_long_text_is_cut_visibly() -> None:
    """What was left out is marked, on one line and in a block."""
    assert one_line("a  b\nc" + "d" * 20, 10) == "a b cdddd…"
    assert clip("x" * 1005, 5) == "xxxxx\n… 1,000 more characters"
    assert clip("short", 5) == "short"


def test_tokens_from_the_cache_are_told() -> None:
    """What a provider took from its cache stands beside the tokens; nothing is said where there is none."""
    usage = Usage(input_tokens=1_500, output_tokens=100, cached_tokens=1_200, calls=2, cost_usd=Decimal("0.5"))

    assert spent(usage) == "1,600 tokens (1,200 from the cache) in 2 calls, cost $0.50"
    assert spent(Usage(input_tokens=1, calls=1, cost_usd=None)) == "1 token in 1 call, cost unknown"


@pytest.mark.parametrize(
    ("outcome", "ratio", "said"),
    [("verified", 0.9, ", verified (90%)"), ("unverified", None, ", unverified"), ("rejected", 0.1, "")],
)
def test_verdicts_stand_after_the_state(outcome: Outcome, ratio: float | None, said: str) -> None:
    """That nobody vouches for an output shows; why one was rejected is told as the reason of the failure."""  # L-37
    assert judged(Verdict(outcome=outcome, confidence_ratio=ratio)) == said
    assert judged(None) == ""
