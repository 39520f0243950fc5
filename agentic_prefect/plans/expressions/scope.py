"""What an expression can look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


class _Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""No item: the task is no fan-out. `None` would be an item that is null."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as expressions see it, under `tasks.<id>`."""

    output: Any = None
    outputs: Any = None
    """A list: one output per item of a fan-out, or the one output."""
    status: str = "pending"
    error: Any = None
    succeeded: int | bool = False
    """A truth for a single task, the number of items for a fan-out; so are `failed` and `skipped`."""
    failed: int | bool = False
    skipped: int | bool = False


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """The latest completed run of the same plan before this one, under `previous`; every field is null without one."""

    output: Any = None
    """What the plan put out."""
    run_id: str | None = None
    ended_at: str | None = None
    """In ISO 8601, with its time zone."""


NO_PREVIOUS: Final = PreviousRun()


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything that the expressions of one task can look at."""

    inputs: Mapping[str, Any]
    tasks: Mapping[str, TaskView]
    item: Any = MISSING
    index: int | None = None
    """The item's place, from 0; `None` outside a fan-out."""
    previous: PreviousRun = NO_PREVIOUS
