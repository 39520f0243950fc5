"""What expressions do with values: read a field, write a value into text, and stay within bounds."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, cast

from pydantic import BaseModel

from agentic_prefect.plans.names import did_you_mean, listing

MAX_TEXT_CHARS = 1_000_000
"""No text made by an expression is longer."""
MAX_ITEMS = 100_000
"""No list made by an expression is longer, and no expression loops more often."""
MAX_DIGITS = 1_000
"""No number made by an expression is longer."""
MAX_PRECISION = 20
"""Decimal places that `round` may be asked for."""


class NoSuchField(LookupError):
    """A value does not have what was asked for; the message says what it has instead."""


def read_field(value: Any, key: Any) -> Any:
    """The field or item `key` of `value`. Only data is read: no attribute of an object that is not a field of data.

    Raises:
        NoSuchField: There is none.
    """
    if isinstance(value, Mapping):
        mapping = cast("Mapping[Any, Any]", value)
        try:
            return mapping[key]
        except (KeyError, TypeError):
            raise NoSuchField(_no_field(key, [str(name) for name in mapping])) from None
    if isinstance(value, Sequence) and isinstance(key, int):
        sequence = cast("Sequence[Any]", value)
        try:
            return sequence[key]
        except IndexError:
            raise NoSuchField(f"there is no item {key}, there are {len(sequence)}") from None
    names = field_names(value)
    if isinstance(key, str) and key in names:
        return getattr(cast("object", value), key)
    if names:
        raise NoSuchField(_no_field(key, names))
    raise NoSuchField(_no_fields_at_all(value, key))


def field_names(value: Any) -> list[str]:
    """The fields of a dataclass or pydantic model; empty for anything else."""
    if isinstance(value, BaseModel):
        return [*type(value).model_fields, *type(value).model_computed_fields]
    if is_dataclass(value):
        return [field.name for field in fields(value)]
    return []


def as_plain(value: Any) -> Any:
    """Data as plain JSON data; lists and mappings are passed on as they are."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value):
        return {field.name: as_plain(getattr(value, field.name)) for field in fields(value)}
    return value.value if isinstance(value, Enum) else value


def as_text(value: Any) -> str:
    """A value as it is written into text: text as it is, everything else as JSON (`null`, `true`, `["a"]`)."""
    if isinstance(value, str):
        return str(value)
    return as_json(value)


def as_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON, with letters of every alphabet as they are.

    Args:
        value: What is written; what JSON does not know is written as text.
        indent: Spaces per level, at most 8; `None` writes one line.
    """
    return bounded_text(json.dumps(value, ensure_ascii=False, indent=indent and min(indent, 8), default=_for_json))


def joined(values: Iterable[Any], separator: str = "", attribute: str | int | None = None) -> str:
    """The values as text, one after the other.

    Args:
        values: What is joined.
        separator: What stands between them.
        attribute: A field of each value that is taken in its place.
    """
    taken = values if attribute is None else (read_field(value, attribute) for value in values)
    return bounded_text(separator.join(as_text(value) for value in taken))


def replaced(text: Any, old: str, new: str) -> str:
    """The text with `new` wherever it said `old`."""
    source = as_text(text)
    bounded_size(len(source) + source.count(old) * max(len(new) - len(old), 0), MAX_TEXT_CHARS, "characters")
    return source.replace(old, new)


def bounded_text(text: str) -> str:
    """The text, if it is not too long.

    Raises:
        ValueError: It is longer than `MAX_TEXT_CHARS`.
    """
    bounded_size(len(text), MAX_TEXT_CHARS, "characters")
    return text


def check_growth(operator: str, left: Any, right: Any) -> None:
    """Refuse arithmetic that would make something huge.

    Raises:
        ValueError: The result would go beyond the bounds.
    """
    if isinstance(left, int) and isinstance(right, int):
        if operator in ("*", "**"):
            bits = left.bit_length() * abs(right) if operator == "**" else left.bit_length() + right.bit_length()
            bounded_size(bits // 3, MAX_DIGITS, "digits")
        return
    if operator == "%" and isinstance(left, (str, bytes)):
        raise ValueError("`%` does not format text here; put the parts side by side with `~`")
    if operator == "*" and (isinstance(left, Sequence) or isinstance(right, Sequence)):
        raise ValueError("text and lists cannot be multiplied")
    if operator == "+" and isinstance(left, Sequence) and isinstance(right, Sequence):
        limit = MAX_TEXT_CHARS if isinstance(left, str) else MAX_ITEMS
        total = len(cast("Sequence[Any]", left)) + len(cast("Sequence[Any]", right))
        bounded_size(total, limit, "characters" if isinstance(left, str) else "items")


def bounded_size(size: int, limit: int, unit: str) -> None:
    """Refuse what is larger than `limit`.

    Raises:
        ValueError: It is.
    """
    if size > limit:
        raise ValueError(f"that makes {size:,} {unit}, the limit is {limit:,}")


def _for_json(value: Any) -> Any:
    plain = as_plain(value)
    return str(value) if plain is value else plain


def _no_field(key: Any, names: list[str]) -> str:
    hint = did_you_mean(str(key), names)
    return f"there is no field {key!r}; there is: {listing(names)}" + (f". {hint}" if hint else "")


def _no_fields_at_all(value: Any, key: Any) -> str:
    if value is None:
        return f"it is null, which has no field {key!r}"
    if isinstance(value, str):
        return f"it is text, which has no field {key!r}"
    if isinstance(value, Sequence):
        return f"it is a list, which has no field {key!r}; take one item (`[0]`) or `| map(attribute={key!r})`"
    return f"it is {as_text(value)[:40]} ({type(value).__name__}), which has no field {key!r}"
