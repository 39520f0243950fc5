"""What a check found about an output."""

from typing import Literal

from pydantic import Field

from agentic_prefect.models.base import Frozen


class Verdict(Frozen):
    """The outcome of the checks on one output."""

    outcome: Literal["verified", "rejected", "unverified"]
    """`unverified` when no check could decide, which is not the same as passed."""
    confidence_ratio: float | None = Field(default=None, ge=0, le=1)
    messages: tuple[str, ...] = ()
