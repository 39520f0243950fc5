"""How people are asked: what they may decide, by when, and how many of them."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from agentic_prefect.models.base import Frozen

DecisionAction = Literal[
    "approve", "reject", "retry", "edit_input", "supply_output", "fallback", "skip", "continue", "fail", "abort"
]
"""What a person may decide.

About a `human` task: `approve` it, `reject` it, or `supply_output`: the answer is its output.

About a failed task: `retry`: it runs once more, its attempts counted afresh; of a fan-out only the items without an
output. `edit_input`: the same, with another input. `supply_output`: the answer is its output. `fallback`: the tasks
that the policy offers are tried in its place. `skip`: it counts as skipped. `continue`: it stays failed and what needs
it runs with a null. `fail`: it stays failed and what needs it is skipped.

About either, `abort`: the plan starts nothing more.
"""

DefaultAction = Literal["approve", "reject", "supply_output", "fallback", "skip", "continue", "fail", "abort"]
"""What may be decided by a deadline: whatever needs no answer, and is no second try without anybody looking."""

Priority = Literal["low", "normal", "high", "critical"]


class Asking(Frozen):
    """How long people may take to decide, what happens when nobody does, and how many must agree."""

    deadline_s: float | None = Field(default=None, gt=0)
    """Seconds until the default is taken; `None` waits without end."""
    default: DefaultAction = "fail"
    """What is done when the deadline has passed, or when nobody can be asked."""
    default_output: Any = None
    """The answer that holds then, with `default: supply_output`."""
    escalate_after_s: float | None = Field(default=None, gt=0)
    """Seconds after which the question is asked anew with the highest priority; `None` never."""
    approvals: int = Field(default=1, ge=1, le=20)
    """How many people must decide alike."""
    reviewers: int | None = Field(default=None, ge=1, le=20)
    """Of how many; once the rest can no longer bring enough of them together, it is rejected. `None`: as many."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.reviewers is not None and self.reviewers < self.approvals:
            raise ValueError(f"{self.approvals} of {self.reviewers} people cannot agree; raise `reviewers`")
        if self.escalate_after_s and self.deadline_s and self.escalate_after_s >= self.deadline_s:
            raise ValueError("`escalate_after_s` must come before `deadline_s`")
        return self
