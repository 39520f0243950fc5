"""Reading JSON that somebody else wrote: what is not of the expected type counts as absent."""

from collections.abc import Mapping
from typing import Any, cast


def mapping(value: Any) -> Mapping[str, Any]:
    """`value`, or an empty mapping when it is none."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def sequence(value: Any) -> list[Any]:
    """`value`, or an empty list when it is none."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def count(value: Any) -> int:
    """A number of things; anything else is 0."""
    return value if isinstance(value, int) and value > 0 else 0


def text(value: Any) -> str:
    """A string; anything else is empty."""
    return value if isinstance(value, str) else ""


def flat_text(content: Any) -> str:
    """The text of a message's content, which is a string, or a list of parts of which some have text."""
    return (
        content if isinstance(content, str) else "".join(text(mapping(part).get("text")) for part in sequence(content))
    )
