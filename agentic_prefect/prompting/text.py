"""Values as a prompt shows them."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic_core import to_jsonable_python


def pretty_json(value: Any) -> str:
    """The value as indented JSON, with letters of every alphabet as they are; what is no number becomes null."""
    try:
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_without_nan(value), indent=2, ensure_ascii=False, default=_plain)


def compact_json(value: Any) -> str:
    """The value as JSON on one line, otherwise like `pretty_json`."""
    return json.dumps(json.loads(pretty_json(value)), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        # A set has another order in every process.
        return sorted(cast("Iterable[Any]", value), key=str)
    return to_jsonable_python(value, fallback=str)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in cast("Sequence[Any]", value)]
    return value
