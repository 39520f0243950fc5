"""Which version of a prompt template is in use, and who said so."""

from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from agentic_prefect.models.base import Frozen

ReleaseAction = Literal["rollout", "promote", "rollback"]
"""What was done: a version was given to a share of the work, was made the one in use, or was taken back."""

Unit = Literal["run", "task"]
"""What is drawn for an arm. `run`: each task of each run anew, the same again where a run goes on from it. `task`: each
task of a plan once and for all, whatever the run."""


class Release(Frozen):
    """Which version of a template is in use, and which one is tried beside it."""

    template: str
    """The template's id."""
    stable: str
    """The version in use."""
    candidate: str | None = None
    """The version that is tried beside it; `None` when none is."""
    percent: float = Field(default=0.0, ge=0, le=100)
    """How much of the work the candidate gets, 0 to 100."""
    unit: Unit = "run"

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.candidate == self.stable:
            raise ValueError(f"version {self.stable} cannot be tried beside itself")
        if self.candidate is None and self.percent:
            raise ValueError("a share of the work needs a version that it goes to")
        return self


class ReleaseEntry(Release):
    """One change of what is in use, and how things stood after it."""

    at: AwareDatetime
    """When, UTC."""
    action: ReleaseAction
    author: str = ""
    """Who did it."""
    note: str = ""
    """Why."""
