"""Functions that the tests' plans call."""

import asyncio
import contextvars
import math
import threading
from dataclasses import dataclass
from datetime import date
from os import getcwd  # noqa: F401  # a function that this module only imports
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from decimal import Decimal

place: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="nowhere")
CONSTANT = 3


class Point(BaseModel):
    """A place."""

    x: int
    y: int = 0


@dataclass
class Size:
    """How large something is."""

    width: float


class Broken(Exception):
    """Raised by `fails`."""


def add(a: int, b: int = 2) -> int:
    """Two numbers added."""
    return a + b


async def later(point: Point) -> Point:
    """The place to the right."""
    await asyncio.sleep(0)
    return Point(x=point.x + 1, y=point.y)


def where() -> list[Any]:
    """The context's place, and whether this is the main thread."""
    return [place.get(), threading.current_thread() is threading.main_thread()]


def loose(first, *rest, key=None, **others):  # pyright: ignore
    """Whatever it is given."""
    return {"first": first, "key": key, "others": others}


def strict(day: date, /, size: Size, *, sizes: list[Size]) -> Any:
    """The types of what it was given."""
    return [type(value).__name__ for value in (day, size, sizes[0])]


def checked_elsewhere(amount: "Decimal") -> Any:
    """A parameter whose type is known to type checkers only."""
    return amount


def fails() -> None:
    """Raise an error of its own."""
    raise Broken("it broke")


def odd() -> Any:
    """Return what has no JSON form."""
    return {"items": [1, object()]}


def circle() -> Any:
    """Return a list that holds itself."""
    items: list[Any] = []
    items.append(items)
    return items


def numbers() -> Any:
    """Return numbers that JSON lacks."""
    return [1.5, math.nan, math.inf]


def _hidden() -> None:
    """Not for plans."""
