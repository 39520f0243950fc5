"""Text on the wire, as both APIs use it: events, pieces of a stream, the text inside message contents."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

CREATED_AT = 1_767_225_600
"""Seconds since 1970 of 2026-01-01, in every response: equal requests get equal bytes."""

_PIECE = re.compile(r"\S+\s*|\s+")


def dump(value: Any) -> bytes:
    """Compact JSON; a lone surrogate goes out as its escape sequence."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def sse(data: Any, event: str | None = None) -> bytes:
    """One server-sent event."""
    name = b"" if event is None else b"event: " + event.encode() + b"\n"
    return name + b"data: " + dump(data) + b"\n\n"


def pieces(text: str) -> list[str]:
    """`text` in the pieces in which it is streamed: a word and the space after it."""
    return _PIECE.findall(text)


def part_of(body: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object that `path` leads to; empty when something on the way is missing or null."""
    for key in path:
        body = cast("Mapping[str, Any]", body.get(key) or {})
    return body


def flat_text(content: Any) -> str:
    """The text of a message's content, which is a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    parts = cast("list[dict[str, Any]]", content or [])
    said = [part for part in parts if "text" in part or "refusal" in part]
    return "\n".join(str(part["text"] if "text" in part else part["refusal"]) for part in said)
