"""Checks that somebody's package might have."""

import asyncio
from typing import Any

from agentic_prefect.models.error import TaskError
from agentic_prefect.models.verdict import CheckVerdict

SEEN: list[tuple[tuple[str, ...], str | None]] = []
"""What `remembers` was given: the messages of earlier failures, and the latest one."""


def is_polite(output: str) -> bool:
    """Whether it asks."""
    return "please" in output


def names_faults(output: dict[str, int], input: dict[str, int]) -> list[str]:
    """What differs from the input."""
    return [f"{name} changed" for name in input if output.get(name) != input[name]]


def says(output: str) -> str:
    """The output itself."""
    return output


async def scored(output: float) -> CheckVerdict:
    """A verdict with a score."""
    return CheckVerdict(check="x", outcome="verified" if output > 0.5 else "rejected", confidence_ratio=output)


def as_mapping(output: float) -> dict[str, Any]:
    """A verdict as data."""
    return {"outcome": "unverified", "messages": ["cannot say"]}


def asserts(output: int) -> None:
    """Fails of an assertion."""
    assert output > 3, f"{output} is too small"


def odd(output: object) -> object:
    """No answer to the question."""
    return 3.5


def broken(output: object) -> object:
    """Fails."""
    raise RuntimeError("the check is broken")


def remembers(output: str, history: tuple[TaskError, ...], error: TaskError | None) -> bool:
    """Accepts the third attempt, and notes what it was told of those before."""
    SEEN.append((tuple(each.message for each in history), error.message if error else None))
    return len(history) == 2


BEGUN: list[str] = []
"""What `lingers` was asked about."""


async def lingers(output: str) -> bool:
    """Says nothing the first time, and yes from then on."""
    BEGUN.append(output)
    if len(BEGUN) == 1:
        await asyncio.Event().wait()
    return True
