"""The report on patterns as Markdown."""

from datetime import timedelta

from agentic_prefect.models.patterns import Cost, Cure, PatternReport, Share, Trend
from agentic_prefect.reports.patterns import patterns
from agentic_prefect.testing.builders import EPOCH

FULL = PatternReport(
    since=EPOCH,
    until=EPOCH + timedelta(days=30),
    executions=1200,
    failed=30,
    failures=90,
    min_samples=10,
    by_code=(Share(name="rate_limit", count=60), Share(name="timeout", count=30)),
    by_task=(Share(name="trip/search", count=90),),
    cures=(
        Cure(code="rate_limit", resolution="retry", count=50, recovered=45),
        Cure(code="timeout", resolution="human", count=9, recovered=9),
    ),
    trends=(
        Trend(
            subject="",
            figure="success_ratio",
            samples=1200,
            periods=(1, 1, 0.9, 0.8, 0.7),
            change=-0.32,
            direction="worse",
        ),
        Trend(
            subject="trip/search",
            figure="duration_s",
            samples=40,
            periods=(2, 2, 1, 1, 1),
            change=-0.9,
            direction="better",
        ),
    ),
    slowest=(Cost(subject="trip/write", samples=40, median_duration_s=61.0, mean_tokens=1234.4, correlation=0.914),),
    advice=("`rate_limit` ended 60 attempts: lower `max_concurrency`.",),
)
NOTHING = PatternReport(
    since=EPOCH,
    until=EPOCH + timedelta(days=30),
    executions=9,
    failed=0,
    failures=0,
    min_samples=10,
    trends=(Trend(subject="", figure="success_ratio", samples=9, direction="insufficient"),),
)


def test_every_figure_has_its_samples() -> None:
    """What, how often, of how many; a rate over fewer than ten is not given."""  # L-46
    text = patterns(FULL)

    for line in (
        "1 Jan 2026 to 31 Jan 2026: 1,200 executions of tasks, of which 30 failed for good; 90 failed attempts.",
        "| rate_limit | 60 | 67% |",
        "| trip/search | 90 | 100% |",
        "| rate_limit | retry | 50 | 90% |",
        "| timeout | human | 9 | 9, insufficient |",
        "| everything | success | 100% → 100% → 90% → 80% → 70% | **worse** | 1,200 |",
        "| trip/search | duration | 2.0s → 2.0s → 1.0s → 1.0s → 1.0s | better | 40 |",
        "| trip/write | 1m 1s | 1,234 | 0.91 | 40 |",
        "- `rate_limit` ended 60 attempts: lower `max_concurrency`.",
    ):
        assert line in text


def test_too_little_is_said_to_be_too_little() -> None:
    """Nine executions: no trend, and no empty table."""  # L-46
    text = patterns(NOTHING)

    assert "Insufficient for trends: there are 9 executions, and 10 are needed." in text
    assert "| everything | success | insufficient | insufficient | 9 |" in text
    assert "## Why attempts fail" not in text
    assert "## What may help" not in text


def test_names_are_no_markup() -> None:
    """A task or model whose name looks like Markdown stays a name."""
    text = patterns(FULL.model_copy(update={"by_model": (Share(name="a|b*c*", count=1),)}))

    assert r"| a\|b\*c\* | 1 | 1% |" in text
