"""What a person is asked about a failed task, and when enough have spoken."""

from dataclasses import dataclass

import pytest

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.asking import Asking, DecisionAction
from agentic_prefect.models.intervention import Decision
from agentic_prefect.models.policy import AskHuman
from agentic_prefect.policies.asking import about_failure, settled_by
from agentic_prefect.testing.builders import EPOCH, error_of, make_task


@dataclass(frozen=True)
class Suggestion:
    """What is suggested after an error."""

    code: ErrorCode
    expected: tuple[DecisionAction, ...]


SUGGESTIONS = [
    Suggestion(ErrorCode.AUTHENTICATION, ("retry", "skip", "abort")),
    Suggestion(ErrorCode.TIMEOUT, ("retry", "skip", "supply_output")),
    Suggestion(ErrorCode.REFUSAL, ("supply_output", "edit_input", "retry", "skip")),
    Suggestion(ErrorCode.CONTEXT_LENGTH, ("edit_input", "supply_output", "skip")),
    Suggestion(ErrorCode.BUDGET_EXCEEDED, ("retry", "supply_output", "skip", "abort")),
    Suggestion(ErrorCode.UNEXPECTED, ("retry", "supply_output", "skip", "abort")),
]


@pytest.mark.parametrize("case", SUGGESTIONS, ids=lambda case: case.code)
@pytest.mark.parametrize("exhausted", [False, True], ids=["at once", "exhausted"])
def test_what_helps_depends_on_the_error(case: Suggestion, exhausted: bool) -> None:
    """What is suggested follows from the kind of error, of exhausted retries from the last one, and stands first."""
    # F-32
    error = error_of(case.code)
    if exhausted:
        error = error_of(ErrorCode.MAX_RETRIES_EXCEEDED, cause=error)
    asked = about_failure(make_task("a"), error, AskHuman(), id="i", plan="p", output_schema=None)

    assert asked.suggested == case.expected
    assert asked.actions[: len(case.expected)] == case.expected
    assert set(asked.actions) == {"retry", "edit_input", "supply_output", "skip", "continue", "fail", "abort"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"critical": True}, "critical"), ({"priority": 3}, "high"), ({}, "normal"), ({"priority": -1}, "low")],
    ids=lambda value: str(value),
)
def test_the_priority_is_the_tasks(fields: dict[str, object], expected: str) -> None:
    """A question about a critical task is critical; else the task's own priority tells."""
    # F-32
    asked = about_failure(make_task("a", **fields), error_of(), AskHuman(), id="i", plan="p", output_schema=None)

    assert asked.priority == expected


def vote(by: str, action: DecisionAction, comment: str = "") -> Decision:
    """What somebody said."""
    return Decision(action=action, by=by, comment=comment, decided_at=EPOCH)


@dataclass(frozen=True)
class Votes:
    """What follows when people have spoken."""

    id: str
    said: tuple[Decision, ...]
    expected: tuple[DecisionAction, str] | None
    approvals: int = 2
    reviewers: int | None = 3


ANN, BEA = vote("ann", "approve", "fine"), vote("bea", "approve")
VOTES = [
    Votes("nobody", (), None),
    Votes("one of two", (ANN,), None),
    Votes("two agree", (ANN, BEA), ("approve", "ann, bea")),
    Votes("a rejection between", (ANN, vote("cy", "reject"), BEA), ("approve", "ann, bea")),
    Votes("no majority is left", (ANN, vote("bea", "reject"), vote("cy", "abort")), ("abort", "cy")),
    Votes("none can agree", (vote("a", "approve"), vote("b", "reject"), vote("c", "skip")), ("reject", "c")),
    Votes("two must, one refuses", (vote("a", "reject"), vote("b", "approve")), ("reject", "b"), reviewers=None),
    Votes("one may abort", (vote("a", "abort"),), ("abort", "a")),
    Votes("one is enough", (ANN,), ("approve", "ann"), approvals=1, reviewers=None),
]


@pytest.mark.parametrize("case", VOTES, ids=lambda case: case.id)
def test_enough_have_spoken(case: Votes) -> None:
    """It is decided once enough people decided alike, or no longer can; to abort, one is enough."""
    # U-10
    decision = settled_by(case.said, Asking(approvals=case.approvals, reviewers=case.reviewers))

    assert (decision and (decision.action, decision.by)) == case.expected
