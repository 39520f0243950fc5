"""A small valid instance of a JSON schema, always the same one for the same schema."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import JsonValue

from agentic_prefect.errors import TerminalError

Schema = Mapping[str, Any]

_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "someone@example.com",
    "idn-email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uri-reference": "https://example.com/",
    "iri": "https://example.com/",
    "json-pointer": "/a",
    "regex": "a",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_PATTERN_TRIES = (
    *(
        "a",
        "A",
        "abc",
        "ABC",
        "0",
        "1",
        "10",
        "100",
        "1000",
        "10000",
        "a1",
        "A1",
        "A-1",
        "ABC-123",
        "a-b",
        "a_b",
        "a.b",
    ),
    *("1.0", "1.0.0", "en-US", "#000000", "+10000000000", ""),
    *_FORMATS.values(),
)


class EchoImpossible(TerminalError):
    """A schema has no instance that could be made up.

    Args:
        reason: Which part of it, and why.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"No answer could be made up from the requested schema: {self.reason}. "
            f"Give it an example (`examples`), or say what to answer."
        )


def echo(schema: Schema, *, array_items: int = 1) -> JsonValue:
    """A small valid instance of `schema`, with every declared property filled in.

    Decides in this order: `const`, the first of `enum`, `default` unless null, the first of `examples`, the first
    branch that is not null and does not call itself, else by type: strings name their property, numbers are 0 or their
    bound. Items of one array differ where their schema lets them. `not`, `if` and `dependent*` are not looked at.

    Args:
        array_items: Items in each array, as far as `minItems` and `maxItems` allow.

    Raises:
        EchoImpossible: The schema demands an endless value, or a `pattern` that no known string follows.
    """
    return _Echo(root=schema, array_items=array_items).value(schema, _Place(name="answer"))


def break_schema(instance: JsonValue, schema: Schema) -> JsonValue:
    """`instance` in a form that breaks `schema`: without a required property, or of the wrong type."""
    required = cast("list[str]", schema.get("required") or [])
    if isinstance(instance, dict) and required:
        return {name: value for name, value in instance.items() if name != required[0]}
    return [] if isinstance(instance, dict) else {"unexpected": True}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the instance a value stands."""

    name: str
    """Of the property."""
    index: int = 0
    """In the innermost array, from 0."""
    refs: frozenset[str] = frozenset()
    """References that are being resolved on the way here."""


class _CallsItself(Exception):
    """A reference leads to itself; somebody above may be able to leave it out."""

    def __init__(self, ref: str) -> None:
        super().__init__(ref)
        self.ref = ref


@dataclass(frozen=True, slots=True)
class _Echo:
    root: Schema
    array_items: int

    def value(self, schema: Schema | bool, place: _Place) -> JsonValue:
        try:
            return self._value(schema, place)
        except _CallsItself as error:
            if place.refs:
                raise
            raise EchoImpossible(f"{error.ref!r} contains itself without an end") from error

    def _value(self, schema: Schema | bool, place: _Place) -> JsonValue:
        if isinstance(schema, bool):
            return place.name
        if "$ref" in schema:
            return self._reference(schema, place)
        if "const" in schema:
            return schema["const"]
        if enum := schema.get("enum"):
            return enum[place.index % len(enum)]
        if schema.get("default") is not None:
            return schema["default"]
        if examples := schema.get("examples"):
            return examples[place.index % len(examples)]
        if "allOf" in schema:
            return self._value(self._merged(schema), place)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._first_branch(schema, key, place)
        return self._by_type(schema, place)

    def _by_type(self, schema: Schema, place: _Place) -> JsonValue:
        match _type(schema):
            case "object":
                return self._object(schema, place)
            case "array":
                return self._array(schema, place)
            case "integer" | "number" as kind:
                return _number(schema, whole=kind == "integer", index=place.index)
            case "boolean":
                return place.index % 2 == 0
            case "null":
                return None
            case _:
                return _string(schema, place)

    def _reference(self, schema: Schema, place: _Place) -> JsonValue:
        ref: str = schema["$ref"]
        if ref in place.refs:
            raise _CallsItself(ref)
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return self._value({**self._resolve(ref), **beside}, _Place(place.name, place.index, place.refs | {ref}))

    def _resolve(self, ref: str) -> Schema:
        target: Any = self.root
        for part in ref.removeprefix("#").split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, Mapping) or key not in target:
                raise EchoImpossible(f"the reference {ref!r} leads nowhere")
            target = cast("Schema", target)[key]
        return cast("Schema", target) if isinstance(target, Mapping) else {}

    def _merged(self, schema: Schema) -> Schema:
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for given in cast("list[Schema]", schema["allOf"]):
            part = {**self._resolve(given["$ref"]), **given} if "$ref" in given else dict(given)
            part.pop("$ref", None)
            if "allOf" in part:
                part = dict(self._merged(part))
            properties = {**merged.get("properties", {}), **part.get("properties", {})}
            required = [*merged.get("required", []), *part.get("required", [])]
            merged |= part
            if properties:
                merged |= {"properties": properties, "required": required}
        return merged

    def _first_branch(self, schema: Schema, key: str, place: _Place) -> JsonValue:
        beside = {name: value for name, value in schema.items() if name not in (key, "discriminator")}
        branches = cast("list[Schema | bool]", schema[key])
        stuck: _CallsItself | None = None
        for branch in sorted(branches, key=lambda item: isinstance(item, Mapping) and item.get("type") == "null"):
            try:
                return self._value({**beside, **branch} if isinstance(branch, Mapping) else branch, place)
            except _CallsItself as error:
                stuck = error
        raise stuck or EchoImpossible(f"{key!r} has no branch")

    def _object(self, schema: Schema, place: _Place) -> JsonValue:
        filled: dict[str, JsonValue] = {}
        required: list[str] = schema.get("required", [])
        for name, part in cast("dict[str, Any]", schema.get("properties", {})).items():
            try:
                filled[name] = self._value(part, _Place(name, place.index, place.refs))
            except _CallsItself:
                if name in required:
                    raise
        extra = schema.get("additionalProperties", True)
        names = [*required, *(f"key_{number}" for number in range(1, schema.get("minProperties", 0) + 1))]
        for number, name in enumerate(names):
            if name not in filled and (number < len(required) or len(filled) < schema.get("minProperties", 0)):
                filled[name] = self._value(extra, _Place(name, place.index, place.refs))
        return filled

    def _array(self, schema: Schema, place: _Place) -> JsonValue:
        least: int = schema.get("minItems", 0)
        first = cast("list[Any]", schema.get("prefixItems", []))
        length = min(max(least, self.array_items, len(first)), schema.get("maxItems", math.inf))
        rest = schema.get("items", True)
        items: list[JsonValue] = []
        for index in range(int(length)):
            part = first[index] if index < len(first) else rest
            if part is False:
                break
            try:
                items.append(self._value(part, _Place(place.name, index, place.refs)))
            except _CallsItself:
                if index < least:
                    raise
                break
        return items


def _type(schema: Schema) -> str:
    declared = schema.get("type")
    if isinstance(declared, list):
        return next((name for name in cast("list[str]", declared) if name != "null"), "null")
    if declared is not None:
        return str(declared)
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if schema.keys() & {"minimum", "maximum", "multipleOf"} else "string"


def _number(schema: Schema, *, whole: bool, index: int) -> JsonValue:
    step: float = schema.get("multipleOf", 1)
    low: float = schema.get("minimum", -math.inf)
    high: float = schema.get("maximum", math.inf)
    above: float = schema.get("exclusiveMinimum", -math.inf)
    below: float = schema.get("exclusiveMaximum", math.inf)
    inside = [0 + index * step, low + index * step, above + step + index * step, low, above + step]
    inside += [high, below - step, (max(low, above) + min(high, below)) / 2]
    for wish in inside:
        if not math.isfinite(wish):
            continue
        value = math.ceil(wish / step) * step if whole or "multipleOf" in schema else wish
        if low <= value <= high and above < value < below:
            return int(value) if float(value).is_integer() else value
    raise EchoImpossible(f"no number lies within {dict(schema)!r}")


def _string(schema: Schema, place: _Place) -> str:
    if (form := schema.get("format")) in _FORMATS and "pattern" not in schema:
        return _FORMATS[form]
    least: int = schema.get("minLength", 0)
    most: int | None = schema.get("maxLength")
    name = place.name or "text"
    plain = name if place.index == 0 else f"{name} {place.index + 1}"
    padded = (plain * math.ceil(least / max(len(plain), 1)))[:least] if len(plain) < least else plain[:most]
    pattern = schema.get("pattern")
    if pattern is None:
        return padded
    for wish in (padded, *_PATTERN_TRIES, "a" * least, "A" * least, "0" * least):
        if re.search(pattern, wish) and least <= len(wish) <= (most if most is not None else math.inf):
            return wish
    raise EchoImpossible(f"no known string follows the pattern {pattern!r}; give the schema an entry in `examples`")
