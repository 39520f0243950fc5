"""How the versions of a prompt template have done."""

from collections.abc import Mapping
from typing import Literal

from pydantic import AwareDatetime, Field

from agentic_prefect.models.base import Frozen


class Measure(Frozen):
    """A figure over some tasks, with how sure it is."""

    samples: int = 0
    """Tasks for which it is known."""
    mean: float | None = None
    """`None` when it is known for none."""
    low: float | None = None
    """The mean lies between `low` and `high` with the confidence of the report; `None` where that cannot be said."""
    high: float | None = None


class VersionOutcomes(Frozen):
    """How one version has done. Failures that no prompt can help, such as a refused key, are left out."""

    template: str
    version: str
    samples: int
    """Tasks that ended in success or failure, each with all its attempts."""
    succeeded: int
    success: Measure
    """The share that succeeded, 0 to 1."""
    verdict: Measure = Measure()
    """How good checks found the outputs, 0 to 1."""
    cost_usd: Measure = Measure()
    duration_s: Measure = Measure()
    tokens: Measure = Measure()
    attempts: Measure = Measure()
    failures: Mapping[str, int] = Field(default_factory=dict[str, int])
    """Error code -> failed attempts, also of tasks that succeeded in the end, the most frequent first."""
    messages: Mapping[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    """Error code -> what was said most often."""


class OutcomeReport(Frozen):
    """How the versions of a template have done, the best one first."""

    template: str
    since: AwareDatetime
    until: AwareDatetime
    confidence_ratio: float
    versions: tuple[VersionOutcomes, ...]
    is_partial: bool = False
    """Whether there were more tasks than were looked at; the latest were."""


class Evidence(Frozen):
    """Whether a version has done well enough to take the place of the one in use."""

    template: str
    stable: VersionOutcomes
    candidate: VersionOutcomes
    decision: Literal["promote", "keep", "wait"]
    """`promote`: it has. `keep`: it has not. `wait`: it cannot be said yet."""
    reasons: tuple[str, ...]


class Suggestion(Frozen):
    """What could be made better in a template, and why."""

    code: str
    """The errors that it is for."""
    count: int
    """Attempts that ended so."""
    advice: str
