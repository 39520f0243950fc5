"""What a schema says about the fields of a value, as lines for a reader."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

MAX_DEPTH: Final = 4
MAX_FIELDS: Final = 100


def field_guide(schema: Mapping[str, Any] | None, value: Any) -> tuple[dict[str, str], ...]:
    """The described fields that a value has: `name` (dotted; `[]` for each item), `type` and `description`.

    Args:
        schema: JSON Schema of the value; `None` describes nothing.
        value: What the guide stands beside; fields that it lacks are left out.
    """
    if schema is None:
        return ()
    found: list[dict[str, str]] = []
    for name, about in _fields(schema, value, schema, "", MAX_DEPTH):
        if description := " ".join(str(about.get("description") or "").split()):
            found.append({"name": name, "type": _type_of(about), "description": description})
    return tuple(found[:MAX_FIELDS])


def _fields(
    schema: Mapping[str, Any], value: Any, root: Mapping[str, Any], path: str, depth: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    schema = _resolved(schema, root)
    if depth == 0:
        return
    if isinstance(value, Mapping):
        properties = schema.get("properties")
        for name, about in cast("Mapping[str, Any]", properties if isinstance(properties, Mapping) else {}).items():
            if name in value and isinstance(about, Mapping):
                place = f"{path}.{name}" if path else name
                own = {**_resolved(cast("Mapping[str, Any]", about), root), **cast("Mapping[str, Any]", about)}
                yield place, own
                yield from _fields(own, cast("Any", value)[name], root, place, depth - 1)
    elif isinstance(value, list | tuple) and value and isinstance(schema.get("items"), Mapping):
        first = cast("Sequence[Any]", value)[0]
        yield from _fields(schema["items"], first, root, f"{path}[]", depth - 1)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a local reference leads to; the schema itself if it is none, or leads nowhere."""
    for _ in range(MAX_DEPTH):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        target: Any = root
        for part in reference[2:].split("/"):
            target = cast("Any", target).get(part) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            return schema
        schema = cast("Mapping[str, Any]", target)
    return schema


def _type_of(schema: Mapping[str, Any]) -> str:
    choices = schema.get("enum")
    if isinstance(choices, list):
        return "one of " + ", ".join(str(choice) for choice in cast("list[Any]", choices)[:10])
    kind: object = schema.get("type", "")
    return " or ".join(map(str, cast("list[Any]", kind))) if isinstance(kind, list) else str(kind)
