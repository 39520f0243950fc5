"""What OpenAI refuses in a JSON schema that is sent with `strict: true`.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

_UNSUPPORTED = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "oneOf")
_UNSUPPORTED_MESSAGE = "{key!r} is not permitted."


def strict_problem(schema: Mapping[str, Any]) -> str | None:
    """The first thing that is not allowed, in OpenAI's words; `None` when the schema would be accepted."""
    if schema.get("type") != "object":
        return (
            f"In context=(), schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."
        )
    return next(_problems(schema, ()), None)


def _problems(schema: Any, path: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        return
    part = cast("Mapping[str, Any]", schema)
    for key in _UNSUPPORTED:
        if key in part:
            yield f"In context={path!r}, {_UNSUPPORTED_MESSAGE.format(key=key)}"
    if "properties" in part or part.get("type") == "object":
        yield from _object_problems(part, path)
    for name, inner in _children(part):
        yield from _problems(inner, (*path, *name))


def _object_problems(part: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    if part.get("additionalProperties") is not False:
        yield f"In context={path!r}, 'additionalProperties' is required to be supplied and to be false."
    required = cast("list[str]", part.get("required", []))
    for name in cast("Mapping[str, Any]", part.get("properties", {})):
        if name not in required:
            yield (
                f"In context={path!r}, 'required' is required to be supplied and to be an array including every key in "
                f"properties. Missing '{name}'."
            )


def _children(part: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key in ("properties", "$defs", "definitions"):
        for name, inner in cast("Mapping[str, Any]", part.get(key, {})).items():
            yield (key, name), inner
    for index, inner in enumerate(cast("list[Any]", part.get("anyOf", []))):
        yield ("anyOf", str(index)), inner
    if "items" in part:
        yield ("items",), part["items"]
