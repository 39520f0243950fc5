"""What checks found about an output."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from agentic_prefect.models.base import Frozen

Outcome = Literal["verified", "rejected", "unverified"]
"""`unverified` when it could not be decided, which is not the same as passed."""


class CheckVerdict(Frozen):
    """What one check found."""

    check: str
    """What it is called."""
    outcome: Outcome
    confidence_ratio: float | None = Field(default=None, ge=0, le=1)
    """How good the output is: 1 and 0 where only right and wrong are known; `None` when it could not be decided."""
    messages: tuple[str, ...] = ()
    """What is wrong, or what a judge said; what kept it from deciding."""


class Verdict(Frozen):
    """The outcome of the checks on one output: all must agree for it to be verified, and one is enough to reject it."""

    outcome: Outcome
    confidence_ratio: float | None = Field(default=None, ge=0, le=1)
    """The mean of the checks that decided; `None` when none did."""
    messages: tuple[str, ...] = ()
    """What the checks said, each with its name before it."""
    checks: tuple[CheckVerdict, ...] = ()
    """What each found, in the order of the task's `checks`."""

    @classmethod
    def of(cls, checks: Sequence[CheckVerdict]) -> "Verdict":
        """The verdict of several checks; no checks at all leave an output unverified."""
        outcomes = {each.outcome for each in checks}
        known = [each.confidence_ratio for each in checks if each.confidence_ratio is not None]
        return cls(
            outcome="rejected" if "rejected" in outcomes else "verified" if outcomes == {"verified"} else "unverified",
            confidence_ratio=sum(known) / len(known) if known else None,
            messages=tuple(f"{each.check}: {message}" for each in checks for message in each.messages)
            or (() if checks else ("no check looked at it",)),
            checks=tuple(checks),
        )

    @property
    def verified(self) -> bool:
        """Whether all checks accepted the output."""
        return self.outcome == "verified"

    def verified_with(self, confidence_ratio: float) -> bool:
        """Whether all checks accepted the output, and with at least this confidence."""
        return self.verified and (self.confidence_ratio or 0.0) >= confidence_ratio
