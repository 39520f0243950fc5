"""Near names and short lists of names, for messages."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_CANDIDATES = 200
"""Comparing is slow; with more names than this only those of a like beginning or length are compared."""

SHORTEST_ID = 8
"""Characters of an id that are shown even where fewer would do."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be; `None` when none is close."""
    candidates = [other for other in known if other != name]
    if len(candidates) > MOST_CANDIDATES:
        alike = [other for other in candidates if other[:1] == name[:1] and abs(len(other) - len(name)) <= 2]
        candidates = alike[:MOST_CANDIDATES]
    by_folded = {_folded(other): other for other in reversed(candidates)}
    close = get_close_matches(_folded(name), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'?`, or an empty text."""
    near = nearest(name, known)
    return f"Did you mean {near!r}?" if near is not None else ""


def listing(names: Iterable[str], *, most: int = 10) -> str:
    """The names with commas; what goes beyond `most` is counted, and no names at all are `none`."""
    every = list(names)
    if not every:
        return "none"
    rest = len(every) - most
    return ", ".join(every[:most]) + (f", … ({rest} more)" if rest > 0 else "")


def telling_chars(ids: Iterable[str]) -> int:
    """How many first characters tell these ids apart; at least 8. Those made one after the other share many."""
    every, length = {*ids}, SHORTEST_ID
    while len({each[:length] for each in every}) < len(every):
        length += 1
    return length


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")
