"""Confidence intervals, which SciPy works out; without it, means alone."""

import statistics
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from agentic_prefect.models.outcomes import Measure
from agentic_prefect.prompting.errors import PromptError

CONFIDENCE_RATIO: Final = 0.95
FEWEST: Final = 2
"""Of one value nobody knows how much values vary."""


def share(succeeded: int, samples: int, *, confidence_ratio: float = CONFIDENCE_RATIO) -> Measure:
    """The share that succeeded, with Wilson's interval (`scipy.stats.binomtest`), which holds for few samples and for
    shares near 0 and 1, too.
    """
    if not samples:
        return Measure()
    mean = succeeded / samples
    if not has_statistics():
        return Measure(samples=samples, mean=mean)
    found = _stats().binomtest(succeeded, samples).proportion_ci(confidence_ratio, method="wilson")
    return Measure(samples=samples, mean=mean, low=float(found.low), high=float(found.high))


def mean_of(values: Sequence[float], *, confidence_ratio: float = CONFIDENCE_RATIO) -> Measure:
    """The mean of some values, with Student's interval (`scipy.stats.t`)."""
    if not values:
        return Measure()
    mean = statistics.fmean(values)
    if len(values) < FEWEST or not has_statistics():
        return Measure(samples=len(values), mean=mean)
    stats = _stats()
    error = float(stats.sem(values))
    if not error:
        return Measure(samples=len(values), mean=mean, low=mean, high=mean)
    low, high = stats.t.interval(confidence_ratio, len(values) - 1, loc=mean, scale=error)
    return Measure(samples=len(values), mean=mean, low=float(low), high=float(high))


def has_statistics() -> bool:
    """Whether SciPy is installed."""
    return find_spec("scipy") is not None


def require_statistics() -> None:
    """Make sure that SciPy is installed.

    Raises:
        PromptError: It is not.
    """
    if not has_statistics():
        raise PromptError(
            "How sure the figures are cannot be said without SciPy. Install it: `pip install 'agentic-prefect[stats]'`."
        )


def _stats() -> Any:
    # It takes a second to load, and has no types of its own.
    return import_module("scipy.stats")
