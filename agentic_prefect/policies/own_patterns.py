"""Patterns that somebody configures for their own secrets and personal data."""

import re
from typing import Final

from agentic_prefect.errors import PlanInvalid

MOST_PATTERNS: Final = 50
LONGEST_PATTERN: Final = 500
MOST_REPEATS: Final = 3
"""Repeats without an end in one pattern; each of them multiplies the time that a text takes."""
PIECE_CHARS: Final = 1_000
"""A text is looked at in pieces of this length, a line at most, so that no pattern takes long over it."""
OVERLAP_CHARS: Final = 200
"""How much of the piece before is looked at again, so that what lies across an end is found."""


class BadPattern(PlanInvalid, ValueError):
    """A configured pattern is of no use, or could take for ever."""

    def __init__(self, pattern: str, why: str) -> None:
        super().__init__(pattern, why)
        self.pattern, self.why = pattern, why

    def __str__(self) -> str:
        return (
            f"The pattern {self.pattern!r} cannot be used to redact: {self.why}. Write a Python regular expression for "
            f"the secret itself, such as 'ACME-[0-9]{{6}}' (PREFECT_INTEGRATIONS_AGENTIC_REDACT is a JSON list)."
        )


def own_pattern(pattern: str) -> re.Pattern[str]:
    """A configured pattern, compiled.

    Raises:
        BadPattern: It is no regular expression, matches nothing at all, or could take for ever.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise BadPattern(f"{pattern[:60]}…", f"it has {len(pattern)} characters, {LONGEST_PATTERN} are allowed")
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPattern(pattern, f"it is no regular expression ({error})") from error
    if compiled.search(""):
        raise BadPattern(pattern, "it matches where there is nothing")
    endless, nested = _repeats(pattern)
    if nested:
        raise BadPattern(pattern, "it repeats a repeat, such as `(a+)+`, which can take for ever")
    if endless > MOST_REPEATS:
        raise BadPattern(pattern, f"it has {endless} repeats without an end, {MOST_REPEATS} are allowed; bound them")
    return compiled


def own_patterns(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Configured patterns, compiled; raises as `own_pattern` does."""
    if len(patterns) > MOST_PATTERNS:
        raise BadPattern(patterns[MOST_PATTERNS], f"it is one of {len(patterns)}, {MOST_PATTERNS} are allowed")
    return tuple(map(own_pattern, patterns))


def replace_own(text: str, patterns: tuple[re.Pattern[str], ...], mask: str) -> str:
    """The text with everything that a pattern matches masked, line by line."""
    if not patterns or not text:
        return text
    return "".join(_replaced(line, patterns, mask) for line in text.splitlines(keepends=True))


def _replaced(line: str, patterns: tuple[re.Pattern[str], ...], mask: str) -> str:
    spans: list[tuple[int, int]] = []
    for pattern in patterns:
        for start in range(0, len(line), PIECE_CHARS - OVERLAP_CHARS):
            found = pattern.finditer(line, start, min(start + PIECE_CHARS, len(line)))
            spans += [match.span() for match in found if match.end() > match.start()]
    if not spans:
        return line
    parts: list[str] = []
    done = 0
    for begin, end in sorted(spans):
        if begin >= done:
            parts += [line[done:begin], mask]
        done = max(done, end)
    return "".join([*parts, line[done:]])


def _repeats(pattern: str) -> tuple[int, bool]:
    """How many repeats without an end a valid pattern has, and whether one of them repeats another."""
    count, nested = 0, False
    groups = [False]  # whether there is a repeat in each group that is open, the whole pattern among them
    closed = False  # whether the group that has just been closed had one
    for token in _TOKEN.findall(pattern):
        if token == "(":
            groups.append(False)
        elif token == ")":
            closed = groups.pop()
            groups[-1] = groups[-1] or closed
            continue
        elif _ENDLESS.match(token):
            count, nested, groups[-1] = count + 1, nested or closed, True
        closed = False
    return count, nested


_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[0-9]*,?[0-9]*\}|.", re.DOTALL)
"""An escape, a class, a counted repeat, or any other character."""
_ENDLESS = re.compile(r"[*+]|\{[0-9]*,\}|\{[0-9]*,?[0-9]{4,}\}")
"""A repeat of more than a piece of text can hold has no end."""
