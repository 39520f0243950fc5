"""What a check found about an output."""

from typing import Literal

from pydantic import Field

from agentic_prefect.models.base import Frozen

Outcome = Literal["verified", "rejected", "unverified"]
"""`unverified` when it could not be decided, which is not the same as passed."""


class Verdict(Frozen):
    """The outcome of the checks on one output."""

    outcome: Outcome
    confidence_ratio: float | None = Field(default=None, ge=0, le=1)
    messages: tuple[str, ...] = ()
