"""Limits on what may be spent."""

from pydantic import Field

from agentic_prefect.models.base import Frozen


class Budget(Frozen):
    """Limits for a plan or a task; each one left out is no limit."""

    usd: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    calls: int | None = Field(default=None, gt=0)
    wall_s: float | None = Field(default=None, gt=0)
    """Seconds that a plan may take, waits for people and providers included; a task has `timeout_s` in its place."""
