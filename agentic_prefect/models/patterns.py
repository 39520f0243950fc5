"""What a history shows when it is looked at as a whole."""

from typing import Literal

from pydantic import AwareDatetime

from agentic_prefect.models.base import Frozen

Direction = Literal["better", "worse", "steady", "insufficient"]


class Share(Frozen):
    """How often something was the case."""

    name: str
    count: int


class Cure(Frozen):
    """How often something that was done about an error led to an output in the end."""

    code: str
    resolution: str
    count: int
    """How often it was done and it is known what came of it."""
    recovered: int


class Trend(Frozen):
    """How a figure has moved over equally many executions each time."""

    subject: str
    """`plan/task`, or empty for everything together."""
    figure: Literal["success_ratio", "duration_s", "tokens"]
    samples: int
    periods: tuple[float, ...] = ()
    """The means of successive periods, oldest first; empty when there are too few samples."""
    change: float | None = None
    """From the beginning to the end of a line through the periods; of a duration or tokens the share of their mean."""
    direction: Direction


class Cost(Frozen):
    """What a task usually takes."""

    subject: str
    samples: int
    median_duration_s: float | None = None
    mean_tokens: float | None = None
    correlation: float | None = None
    """Pearson's, of output tokens with the duration; `None` when it is not defined."""


class PatternReport(Frozen):
    """What a history shows, with the number of samples behind each figure."""

    since: AwareDatetime
    until: AwareDatetime
    executions: int
    """Of tasks that ran, and ended in success or failure."""
    failed: int
    """How many of these failed for good."""
    failures: int
    """Failed attempts."""
    min_samples: int
    """With fewer, nothing is said."""
    by_code: tuple[Share, ...] = ()
    by_task: tuple[Share, ...] = ()
    by_model: tuple[Share, ...] = ()
    cures: tuple[Cure, ...] = ()
    trends: tuple[Trend, ...] = ()
    """Everything together first, then the tasks that have become worse or better."""
    slowest: tuple[Cost, ...] = ()
    heaviest: tuple[Cost, ...] = ()
    advice: tuple[str, ...] = ()
    is_partial: bool = False
    """Whether there were more executions than were looked at; the latest were."""
