"""The last pass over a message: what makes it readable, and leaves no trace of parts that are absent."""

import re
from collections.abc import Collection, Iterator
from typing import Final

_UNTIDY: Final = re.compile(r"\n(?:(?<=[ \t]\n)|\n\n\n)")
"""A line that ends in space, or a gap. It begins with a plain character, which `re` finds far faster than a class."""
_GAP: Final = re.compile(r"\n{4,}")
_HEADING: Final = re.compile(r"(#{1,6}) \S.*")
_VISIBLE: Final = re.compile(r"\S")


def tidy(text: str, headings: Collection[str] = ()) -> str:
    """The text without space at its ends and at line ends, without three blank lines in a row, without empty sections.

    Args:
        text: A rendered message.
        headings: The heading lines that the template itself has. Only those are removed when nothing follows them, so
            that data with headings of its own stays as it is.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    untidy = _UNTIDY.search(text) is not None
    if untidy:
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    text = text.strip("\n").rstrip()
    if headings:
        whole = text
        text = _without_empty_sections(text, headings)
        untidy = untidy or text is not whole
    return _GAP.sub("\n\n", text) if untidy else text


def heading_lines(text: str) -> frozenset[str]:
    """The lines of `text` that are Markdown headings."""
    return frozenset(line.rstrip() for line in text.split("\n") if _HEADING.fullmatch(line.rstrip()))


def _without_empty_sections(text: str, headings: Collection[str]) -> str:
    """The text itself when there are none."""
    whole, next_start, next_level = text, len(text), 0
    for start, line in reversed(list(_found(text, headings))):
        level = len(line) - len(line.lstrip("#"))
        if next_level <= level and not _VISIBLE.search(text, start + len(line), next_start):
            text = text[:start] + text[next_start:]
        else:
            next_level = level
        next_start = start
    return text if text is whole else text.strip("\n").rstrip()


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
