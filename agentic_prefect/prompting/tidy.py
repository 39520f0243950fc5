"""The last pass over a message: what makes it readable, and leaves no trace of parts that are absent."""

import re
from collections.abc import Collection, Iterator
from typing import Final

_BLANK_LINES: Final = re.compile(r"\n{4,}")
_HEADING: Final = re.compile(r"(#{1,6}) \S.*")


def tidy(text: str, headings: Collection[str] = ()) -> str:
    """The text without space at its ends and at line ends, without three blank lines in a row, without empty sections.

    Args:
        text: A rendered message.
        headings: The heading lines that the template itself has. Only those are removed when nothing follows them, so
            that data with headings of its own stays as it is.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    # One character is found far faster than two, and tabs are rare.
    if " \n" in text or ("\t" in text and "\t\n" in text):
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    text = text.strip("\n").rstrip()
    if headings:
        text = _without_empty_sections(text, headings)
    return _BLANK_LINES.sub("\n\n", text) if "\n\n\n\n" in text else text


def heading_lines(text: str) -> frozenset[str]:
    """The lines of `text` that are Markdown headings."""
    return frozenset(line.rstrip() for line in text.split("\n") if _HEADING.fullmatch(line.rstrip()))


def _without_empty_sections(text: str, headings: Collection[str]) -> str:
    next_start, next_level = len(text), 0
    for start, line in reversed(list(_found(text, headings))):
        level = len(line) - len(line.lstrip("#"))
        if next_level <= level and not text[start + len(line) : next_start].strip():
            text = text[:start] + text[next_start:]
        else:
            next_level = level
        next_start = start
    return text.strip("\n").rstrip()


def _found(text: str, headings: Collection[str]) -> Iterator[tuple[int, str]]:
    """Where lines that are headings start."""
    # Looking for one character is many times faster than for two or for a pattern.
    start = text.find("#")
    while start >= 0:
        if start == 0 or text[start - 1] == "\n":
            end = text.find("\n", start)
            line = text[start:end] if end >= 0 else text[start:]
            if line in headings:
                yield start, line
                start += len(line) - 1
        start = text.find("#", start + 1)
