"""How versions have done, and what follows from it."""

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agentic_prefect.models.history import FailureEntry, TaskEntry
from agentic_prefect.models.outcomes import Measure, OutcomeReport, VersionOutcomes
from agentic_prefect.models.prompt import PromptVersion
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.evidence import suggestions, weigh
from agentic_prefect.prompting.intervals import mean_of, require_statistics, share
from agentic_prefect.prompting.outcomes import outcomes
from agentic_prefect.testing.history import MemoryHistory

AT = datetime(2026, 1, 1, tzinfo=UTC)


def task(number: int, version: str, *, succeeded: bool = True, **fields: Any) -> TaskEntry:
    """A task that has ended."""
    given: dict[str, Any] = {
        "id": f"task-{number}",
        "run_id": f"run-{number}",
        "plan": "p",
        "task_id": "write",
        "prompt": PromptVersion(id="say", version=version, hash="0" * 64),
        "at": AT + timedelta(seconds=number),
        "updated_at": AT,
        "status": TaskStatus.COMPLETED if succeeded else TaskStatus.FAILED,
        "code": None if succeeded else "invalid_output",
        "attempts": 1,
        "duration_s": 2.0,
        "usage": Usage(input_tokens=90, output_tokens=10, calls=1, cost_usd=Decimal("0.01")),
        **fields,
    }
    return TaskEntry(**given)


def failure(number: int, version: str, code: str = "invalid_output", **fields: Any) -> FailureEntry:
    """A failed attempt of task `number`."""
    given: dict[str, Any] = {
        "id": f"failure-{number}-{fields.get('attempt', 1)}",
        "run_id": f"run-{number}",
        "plan": "p",
        "task_id": "write",
        "prompt": PromptVersion(id="say", version=version, hash="0" * 64),
        "at": AT + timedelta(seconds=number),
        "updated_at": AT,
        "code": code,
        "type": "X",
        "message": "The answer is not JSON.",
        **fields,
    }
    return FailureEntry(**given)


def report(*entries: TaskEntry | FailureEntry) -> OutcomeReport:
    """The outcomes of template `say` in a history of these."""
    store = MemoryHistory()
    store.register(*entries)
    return outcomes(store, "say", since=AT, until=AT + timedelta(days=1))


def near(measure: Measure) -> list[Any]:
    """The figures, comparable."""
    shown = (measure.mean, measure.low, measure.high)
    return [measure.samples, *(None if each is None else pytest.approx(each, abs=5e-4) for each in shown)]


def test_better_version_comes_first() -> None:  # P-26 P-46
    """Of 30 outcomes of two versions the one that succeeds more often is first, with sample sizes and intervals."""
    old = [task(number, "1.0.0", succeeded=number % 2 == 0) for number in range(15)]
    new = [task(number, "1.1.0", succeeded=number != 20, verdict_ratio=0.75) for number in range(15, 30)]
    first, second = report(*old, *new).versions

    assert [(each.version, each.samples, each.succeeded) for each in (first, second)] == [
        ("1.1.0", 15, 14),
        ("1.0.0", 15, 8),
    ]
    # Wilson's interval for 14 and 8 of 15, as tables have it.
    assert near(first.success) == [15, 0.9333, 0.7018, 0.9881]
    assert near(second.success) == [15, 0.5333, 0.3012, 0.7519]
    assert near(first.verdict) == [15, 0.75, 0.75, 0.75]
    assert near(second.verdict) == [0, None, None, None]
    assert near(first.tokens) == [15, 100.0, 100.0, 100.0]
    assert near(first.cost_usd) == [15, 0.01, 0.01, 0.01]


def test_interval_of_a_mean() -> None:
    """Student's, as tables have it for the quantile 2.776 of four degrees of freedom."""
    assert near(mean_of([1.0, 2.0, 3.0, 4.0, 5.0])) == [5, 3.0, 3 - 2.776445 * 0.707107, 3 + 2.776445 * 0.707107]
    assert near(mean_of([4.0])) == [1, 4.0, None, None]
    assert near(mean_of([])) == [0, None, None, None]
    assert near(share(0, 0)) == [0, None, None, None]


def test_without_scipy_there_are_means_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures stay; how sure they are is not made up, and the message says what to install."""
    monkeypatch.setattr("agentic_prefect.prompting.intervals.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "scipy.stats", None)

    assert near(share(14, 15)) == [15, 0.9333, None, None]
    assert near(mean_of([1.0, 2.0])) == [2, 1.5, None, None]
    with pytest.raises(PromptError, match=r"pip install 'agentic-prefect\[stats\]'"):
        require_statistics()


@pytest.mark.parametrize(
    "fields",
    [
        {"cached": True},
        {"composite": True},
        {"rehearsal": True},
        {"status": TaskStatus.SKIPPED, "code": None},
        {"prompt": PromptVersion(id="other", version="1.0.0", hash="0" * 64)},
        {"succeeded": False, "code": "authentication"},
        {"at": AT - timedelta(seconds=1)},
    ],
)
def test_what_says_nothing_about_the_prompt_does_not_count(fields: dict[str, Any]) -> None:
    """Stored results, fan-outs, rehearsals, refused keys, other templates and times."""
    assert report(task(1, "1.0.0", **fields)).versions == ()


def test_used_up_retries_count_by_what_they_ended_with() -> None:
    """A task that the provider kept refusing says nothing about its prompt, one that kept answering wrongly does."""
    entries = [task(number, "1.0.0", succeeded=False, code="max_retries_exceeded") for number in (1, 2)]
    failures = [
        failure(1, "1.0.0", attempt=1),
        failure(1, "1.0.0", "rate_limit", attempt=2),
        failure(2, "1.0.0", "rate_limit", attempt=1),
        failure(2, "1.0.0", attempt=2),
    ]
    (found,) = report(*entries, *failures).versions

    assert (found.samples, found.succeeded) == (1, 0)
    assert found.failures == {"invalid_output": 2}


def test_failures_suggest_what_to_improve() -> None:  # P-27
    """Answers of the wrong form suggest to say the output format; what was said most often is shown."""
    entries = [task(number, "1.0.0") for number in range(10)]
    failures = [failure(number, "1.0.0") for number in range(4)] + [
        failure(number, "1.0.0", "timeout") for number in range(4, 6)
    ]
    (found,) = report(*entries, *failures).versions
    (only,) = suggestions(found)

    assert (only.code, only.count) == ("invalid_output", 4)
    assert "output format" in only.advice
    assert only.advice.endswith("(most often: The answer is not JSON).")


def test_verification_is_part_of_the_evidence() -> None:  # P-62
    """Outputs that checks refused, and how good they found the others."""
    entries = [task(number, "1.0.0", verdict_ratio=0.25 + number % 2 / 2) for number in range(10)]
    failures = [failure(number, "1.0.0", "verification_failed", message="too long") for number in range(3)]
    (found,) = report(*entries, *failures).versions

    assert near(found.verdict)[:2] == [10, 0.5]
    assert found.failures == {"verification_failed": 3}
    assert found.messages == {"verification_failed": ("too long",)}
    assert "checks refuse" in suggestions(found)[0].advice


def version(name: str, succeeded: int, samples: int, verdict: Measure | None = None) -> VersionOutcomes:
    """How a version has done."""
    return VersionOutcomes(
        template="say",
        version=name,
        samples=samples,
        succeeded=succeeded,
        success=share(succeeded, samples),
        verdict=verdict or Measure(),
    )


GOOD, BAD = Measure(samples=50, mean=0.9, low=0.85, high=0.95), Measure(samples=50, mean=0.7, low=0.6, high=0.8)


@pytest.mark.parametrize(
    ("stable", "candidate", "decision", "said"),
    [
        (
            version("1", 90, 100),
            version("2", 99, 100),
            "promote",
            "99.0 % of 100 tasks succeeded, with 1 90.0 % of 100",
        ),
        (version("1", 100, 100), version("2", 100, 100), "promote", "at the least 96.3 %"),
        (version("1", 90, 100), version("2", 89, 100), "keep", "89.0 % of 100 tasks"),
        (version("1", 30, 30), version("2", 30, 30), "wait", "as few as 88.6 %, and at least 95.0 % are needed"),
        (version("1", 90, 100), version("2", 29, 29), "wait", "2 has 29 of the 30 tasks"),
        (version("1", 0, 0), version("2", 99, 100), "wait", "1 has 0 of the 30 tasks"),
        (version("1", 90, 100, GOOD), version("2", 99, 100, BAD), "keep", "its outputs worse: 70.0 %, with 1 90.0 %"),
        (version("1", 90, 100, BAD), version("2", 99, 100, GOOD), "promote", "99.0 %"),
    ],
)
def test_version_is_promoted_on_evidence_alone(
    stable: VersionOutcomes, candidate: VersionOutcomes, decision: str, said: str
) -> None:  # P-39
    """One that succeeds less often is not, nor one of which too little is known, nor one whose outputs are worse."""
    found = weigh(stable, candidate)

    assert found.decision == decision
    assert said in "; ".join(found.reasons)
