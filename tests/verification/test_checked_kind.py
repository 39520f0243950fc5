"""A kind of task with its outputs checked."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agentic_prefect.errors import CriticalError, ErrorCode, VerificationFailed
from agentic_prefect.models.policy import FailurePolicy, FailureRule
from agentic_prefect.models.prompt import PromptChoice
from agentic_prefect.ports import TaskKind, Work
from agentic_prefect.verification.checked_kind import CheckedKind
from tests.verification.conftest import MakeHub, make_work

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT_LEAST_2 = {"expression": "{{ output >= 2 }}", "message": "Too small."}


class Counting:
    """Puts out 0, 1, 2 … and keeps what it was given."""

    def __init__(self) -> None:
        self.works: list[Work] = []

    async def execute(self, work: Work) -> int:
        self.works.append(work)
        return len(self.works) - 1

    def fingerprint(self, work: Work) -> str:
        return "counting"


def with_repairs(work: Work, repairs: int) -> Work:
    """The work, with so many repairs of what checks reject."""
    policy: FailurePolicy = {ErrorCode.VERIFICATION_FAILED: FailureRule(repair=repairs)}
    return replace(work, task=work.task.model_copy(update={"failure_policy": policy}))


async def test_accepted_output_counts(make_hub: MakeHub) -> None:
    """It comes through as it is, with the verdict on the trail."""
    work = make_work({"expression": "{{ output == 0 }}"})

    assert await CheckedKind(Counting(), make_hub(), lambda: NOW).execute(work) == 0
    assert work.trail.verdict is not None
    assert work.trail.verdict.verified


async def test_rejected_output_fails_the_attempt(make_hub: MakeHub) -> None:
    """The error says what each check found; the verdict is kept."""
    work = make_work(AT_LEAST_2, {"expression": "{{ output == 0 }}"})

    with pytest.raises(VerificationFailed, match=r"The output was not accepted. output >= 2: Too small."):
        await CheckedKind(Counting(), make_hub(), lambda: NOW).execute(work)
    assert work.trail.verdict is not None
    assert work.trail.verdict.outcome == "rejected"


async def test_repair_sends_it_back_within_the_attempt(make_hub: MakeHub) -> None:
    """As often as the policy allows, each time with all that was wrong before."""
    kind, work = Counting(), with_repairs(make_work(AT_LEAST_2), 2)

    assert await CheckedKind(kind, make_hub(), lambda: NOW).execute(work) == 2
    assert [[error.code for error in each.history] for each in kind.works] == [
        [],
        ["verification_failed"],
        ["verification_failed", "verification_failed"],
    ]
    assert {each.attempt for each in kind.works} == {1}


async def test_repairs_are_bounded(make_hub: MakeHub) -> None:  # P-38
    """After the last one the attempt fails."""
    kind, work = Counting(), with_repairs(make_work({"expression": "{{ false }}"}), 3)

    with pytest.raises(VerificationFailed):
        await CheckedKind(kind, make_hub(), lambda: NOW).execute(work)
    assert len(kind.works) == 4


async def test_failed_work_is_not_looked_at(make_hub: MakeHub) -> None:  # L-38
    """Checks are about outputs; what was raised passes through, without a verdict."""

    class Failing:
        async def execute(self, work: Work) -> None:
            raise CriticalError("stop")

    work = make_work(AT_LEAST_2)
    with pytest.raises(CriticalError):
        await CheckedKind(Failing(), make_hub(), lambda: NOW).execute(work)
    assert work.trail.verdict is None


def test_inner_kind_prepares_the_work(make_hub: MakeHub) -> None:
    """What it chooses for all attempts, such as a template, is chosen; one that prepares nothing need not."""

    class Choosing(Counting):
        def prepared(self, work: Work) -> Work:
            return replace(work, prompt=PromptChoice(reference="mine@1.0.0"))

    def prepared(kind: TaskKind) -> PromptChoice | None:
        return CheckedKind(kind, make_hub(), lambda: NOW).prepared(make_work()).prompt

    assert (prepared(Choosing()), prepared(Counting())) == (PromptChoice(reference="mine@1.0.0"), None)


async def test_task_without_checks_has_no_verdict(make_hub: MakeHub) -> None:
    """Nothing is added to it."""
    work = make_work()
    kind = CheckedKind(Counting(), make_hub(), lambda: NOW)

    assert (await kind.execute(work), work.trail.verdict) == (0, None)
    assert kind.fingerprint(work) == "counting"
