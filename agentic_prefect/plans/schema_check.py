"""Whether a JSON Schema is one, and whether a value fits it. Nothing is ever fetched."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match  # pyright: ignore[reportUnknownVariableType]
from referencing import Registry
from referencing.exceptions import Unresolvable

JsonSchema = dict[str, Any]

MAX_VIOLATIONS: Final = 20
"""No more are listed for one value."""
MAX_SHOWN_CHARS: Final = 200
"""No line about a violation is longer; the library writes whole values into its messages."""


def schema_fault(schema: object) -> str:
    """What keeps `schema` from being a JSON Schema (2020-12) that stands on its own; empty when nothing does."""
    try:
        return _fault_of(json.dumps(schema, sort_keys=True))
    except (TypeError, ValueError, RecursionError) as error:
        return f"it is no plain data: {error}"


def violations(schema: Mapping[str, Any], value: Any) -> tuple[str, ...]:
    """What about `value` does not fit the schema, one line each with its path; empty when it fits."""
    validator = Draft202012Validator(schema, registry=_NOTHING_TO_FETCH)
    found: list[str] = []
    try:
        for error in _errors(validator, value):
            found.append(_line(error))
            if len(found) == MAX_VIOLATIONS:
                break
    except Unresolvable as error:
        found.append(f"the schema refers to {error.ref!r}, which it does not contain")
    except RecursionError:
        found.append("the schema or the value is nested too deeply")
    return tuple(dict.fromkeys(found))


def parts_of(schema: object) -> Iterator[Mapping[str, Any]]:
    """The schema and every schema within it, those under `$defs` included."""
    stack = [schema]
    while stack:
        part = stack.pop()
        if isinstance(part, Mapping):
            mapping = cast("Mapping[str, Any]", part)
            yield mapping
            for key, inner in mapping.items():
                if key in _OF_SCHEMAS_BY_NAME and isinstance(inner, Mapping):
                    stack.extend(cast("Mapping[str, Any]", inner).values())
                elif key not in _OF_DATA:
                    stack.append(inner)
        elif isinstance(part, list):
            stack.extend(cast("list[Any]", part))


def is_plainly_right(schema: object) -> bool:
    """Whether the schema uses only the common keywords, each as it should be. Saves most schemas the full check, which
    takes some 10 ms each.
    """
    return all(
        key in _COMMON and _COMMON[key](value) for part in parts_of(schema) for key, value in part.items()
    ) and isinstance(schema, Mapping)


@lru_cache(maxsize=4_000)
def _fault_of(text: str) -> str:
    schema = json.loads(text)
    if not is_plainly_right(schema):
        error = cast("ValidationError | None", best_match(_errors(_META, schema)))
        if error is not None:
            return _line(error)
    for part in parts_of(schema):
        reference = part.get("$ref")
        if isinstance(reference, str) and resolved(schema, reference) is None:
            return f"it refers to {reference!r}, which it does not contain"
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            try:
                re.compile(pattern)
            except re.error as fault:
                return f"the pattern {pattern!r} is no regular expression: {fault}"
    return ""


def resolved(schema: object, reference: str) -> Any:
    """The part of the schema that a reference such as `#/$defs/item` means; `None` when there is none."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    value = schema
    for key in reference.removeprefix("#").split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and key in value:
            value = cast("Mapping[str, Any]", value)[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[int(key)]
        else:
            return None
    return value


def _errors(validator: Draft202012Validator, value: Any) -> Iterator[ValidationError]:
    return cast("Iterator[ValidationError]", validator.iter_errors(value))  # pyright: ignore[reportUnknownMemberType]


def _line(error: ValidationError) -> str:
    """One violation, with its path; of several alternatives the one that fits best is explained."""
    inner = cast("ValidationError", best_match([error]) or error)
    message = inner.message if len(inner.message) <= MAX_SHOWN_CHARS else inner.message[: MAX_SHOWN_CHARS - 1] + "…"
    path = inner.json_path.removeprefix("$").removeprefix(".")
    return f"{path}: {message}" if path else message


def _is_schema(value: object) -> bool:
    return isinstance(value, Mapping | bool)


def _is_schemas(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(cast("list[object]", value)) > 0
        and all(map(_is_schema, cast("list[object]", value)))
    )


def _is_named_schemas(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_schema, cast("Mapping[str, object]", value).values()))


def _is_type(value: object) -> bool:
    return isinstance(value, str) and value in _TYPES


def _is_types(value: object) -> bool:
    return _is_type(value) or (
        _is_texts(value) and len(cast("list[str]", value)) > 0 and all(map(_is_type, cast("list[str]", value)))
    )


def _is_texts(value: object) -> bool:
    if not isinstance(value, list):
        return False
    texts = cast("list[object]", value)
    return all(isinstance(text, str) for text in texts) and len(set(texts)) == len(texts)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_COMMON: Final[Mapping[str, Callable[[object], bool]]] = {
    **dict.fromkeys(("$ref", "title", "description", "pattern", "format"), lambda value: isinstance(value, str)),
    **dict.fromkeys(("properties", "$defs", "definitions"), _is_named_schemas),
    **dict.fromkeys(("items", "additionalProperties"), _is_schema),
    **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), _is_schemas),
    **dict.fromkeys(("default", "const"), lambda _: True),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _is_count),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    "enum": lambda value: isinstance(value, list),
    "required": _is_texts,
    "type": _is_types,
}
"""Keyword -> whether a value is right for it."""
_NOTHING_TO_FETCH: Final[Registry[Any]] = Registry()
"""The library's own default fetches remote references over the network."""
_META: Final = Draft202012Validator(Draft202012Validator.META_SCHEMA)
_OF_SCHEMAS_BY_NAME: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_OF_DATA: Final = frozenset({"enum", "const", "default", "examples", "required", "dependentRequired"})
