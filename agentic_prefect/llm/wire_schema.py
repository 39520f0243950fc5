"""A task's JSON schema in the form that providers can enforce, and the answer's way back.

A provider's strict mode knows a part of JSON Schema only: the root is an object, every object lists all its properties
as required and allows no others. So a schema of another root is put into an object, an optional property becomes one
that may be null, and what strict mode does not know is left to the check of the answer.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from agentic_prefect.errors import InvalidOutput
from agentic_prefect.llm.structured import find_json
from agentic_prefect.models.chat import OutputSchema

WRAPPER = "value"
"""The property that holds an answer whose schema is not an object."""

Schema = Mapping[str, Any]

_STRUCTURE = frozenset({"patternProperties", "prefixItems"})
"""Keywords that decide what an answer consists of and that strict mode cannot express."""
_LEFT_OUT = frozenset(
    {
        *("$schema", "$id", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator"),
        *("not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "propertyNames"),
        *("contains", "minContains", "maxContains", "unevaluatedProperties", "unevaluatedItems", "uniqueItems"),
        *("minProperties", "maxProperties"),
    }
)
"""Keywords that strict mode refuses: notes, and conditions that the check of the answer looks after.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""
_LENGTHS = frozenset({"minLength", "maxLength"})


@dataclass(frozen=True, slots=True)
class WireSchema:
    """A schema as it is sent."""

    name: str
    schema: dict[str, Any]
    is_strict: bool
    """Whether strict mode can enforce it."""


class _NotStrict(Exception):
    """A part has no strict form."""


def wire_schema(output: OutputSchema, *, with_lengths: bool = True) -> WireSchema:
    """The schema to send for `output`: strict where that is possible, else as it is but with an object as its root.

    Args:
        with_lengths: Whether lengths of strings are kept. OpenAI's strict mode does not list them; servers that turn
            the schema into a grammar hold small models to them.
    """
    name = re.sub(r"[^A-Za-z0-9_-]", "_", output.name)[:64] or "answer"
    rooted = _rooted(output.json_schema)
    left_out = _LEFT_OUT if with_lengths else _LEFT_OUT | _LENGTHS
    try:
        return WireSchema(name, _strict(rooted, left_out), is_strict=True)
    except _NotStrict:
        return WireSchema(name, rooted, is_strict=False)


def own_form(text: str, output: OutputSchema) -> str:
    """An answer to `wire_schema(output)` in the form of `output` itself; text that is no JSON stays as it is.

    Takes the value out of its wrapper, and drops nulls that stand for an optional property left out.
    """
    try:
        value = find_json(text)
    except InvalidOutput:
        return text
    plain, root = value, output.json_schema
    if not _is_object(root) and isinstance(value, dict) and value.keys() == {WRAPPER}:
        plain = cast("dict[str, Any]", value)[WRAPPER]
    plain = _without_nulls(plain, root, root)
    return text if plain == value else json.dumps(plain, ensure_ascii=False)


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object" and not schema.keys() & {"anyOf", "oneOf", "allOf", "$ref", "enum"}


def _rooted(schema: Schema) -> dict[str, Any]:
    """`schema` with an object as its root."""
    if _is_object(schema):
        return dict(schema)
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    inner = _moved({key: value for key, value in schema.items() if key not in shared})
    wrapper = {"type": "object", "properties": {WRAPPER: inner}, "required": [WRAPPER], "additionalProperties": False}
    return wrapper | {key: _moved(value) for key, value in shared.items()}


def _moved(part: Any) -> Any:
    """`part` with references to its old root pointing to where that root went."""
    if isinstance(part, Mapping):
        fields = cast("Mapping[str, Any]", part)
        return {
            key: f"#/properties/{WRAPPER}{value[1:]}" if key == "$ref" and _is_own_ref(value) else _moved(value)
            for key, value in fields.items()
        }
    return [_moved(item) for item in cast("list[Any]", part)] if isinstance(part, list) else part


def _is_own_ref(ref: Any) -> bool:
    return isinstance(ref, str) and ref.startswith("#") and not ref.startswith(("#/$defs/", "#/definitions/"))


def _strict(schema: Any, left_out: frozenset[str]) -> dict[str, Any]:
    if not isinstance(schema, Mapping):
        raise _NotStrict
    part = {key: value for key, value in cast("Schema", schema).items() if key not in left_out}
    if part.keys() & _STRUCTURE:
        raise _NotStrict
    if "allOf" in part:
        part = _single(part)
    if "oneOf" in part:
        part["anyOf"] = part.pop("oneOf")
    for key in ("$defs", "definitions"):
        if key in part:
            part[key] = {name: _strict(inner, left_out) for name, inner in part[key].items()}
    if "anyOf" in part:
        part["anyOf"] = [_strict(branch, left_out) for branch in part["anyOf"]]
    if "items" in part:
        part["items"] = _strict(part["items"], left_out)
    if "$ref" in part:
        # Beside a reference strict mode allows nothing but its description.
        return {key: value for key, value in part.items() if key in ("$ref", "$defs", "definitions", "description")}
    return _strict_type(part, left_out)


def _single(part: dict[str, Any]) -> dict[str, Any]:
    """`allOf` of one schema is that schema; pydantic writes it so to put a description beside a reference."""
    if len(part["allOf"]) != 1 or not isinstance(part["allOf"][0], Mapping):
        raise _NotStrict
    return {**part["allOf"][0], **{key: value for key, value in part.items() if key != "allOf"}}


def _strict_type(part: dict[str, Any], left_out: frozenset[str]) -> dict[str, Any]:
    declared = part.get("type")
    kinds = cast("list[str]", declared) if isinstance(declared, list) else [declared]
    if "object" in kinds or "properties" in part:
        return _strict_object(part, left_out)
    if "array" in kinds and "items" not in part:
        raise _NotStrict
    if declared is None and not part.keys() & {"anyOf", "enum", "const"}:
        raise _NotStrict
    return part


def _strict_object(part: dict[str, Any], left_out: frozenset[str]) -> dict[str, Any]:
    properties = part.get("properties")
    if not properties or part.get("additionalProperties") not in (None, False):
        raise _NotStrict
    required = _required(part)
    if not required <= properties.keys():
        raise _NotStrict
    strict = {name: _strict(inner, left_out) for name, inner in properties.items()}
    strict = {name: inner if name in required else _nullable(inner) for name, inner in strict.items()}
    closed = {"type": part.get("type", "object"), "properties": strict, "required": list(strict)}
    return {**part, **closed, "additionalProperties": False}


def _required(part: Schema) -> set[str]:
    """The required properties. An author who lists none means all: who writes a field wants it filled in."""
    return set(part["required"] if "required" in part else part.get("properties", {}))


def _nullable(part: dict[str, Any]) -> dict[str, Any]:
    declared = part.get("type")
    if isinstance(declared, str) and declared not in ("null", "object") and not part.keys() & {"enum", "const"}:
        return {**part, "type": [declared, "null"]}
    return {"anyOf": [part, {"type": "null"}]}


def _without_nulls(value: Any, schema: Any, root: Schema) -> Any:
    if not isinstance(schema, Mapping):
        return value
    part = _resolved(cast("Schema", schema), root)
    if isinstance(value, list):
        return [_without_nulls(item, part.get("items"), root) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    for branch in (*part.get("anyOf", ()), *part.get("oneOf", ()), *part.get("allOf", ())):
        inner = _resolved(cast("Schema", branch), root) if isinstance(branch, Mapping) else cast("Schema", {})
        if fields.keys() <= inner.get("properties", {}).keys():
            fields = _without_nulls(fields, inner, root)
    properties, required = part.get("properties", {}), _required(part)
    return {
        name: _without_nulls(item, properties.get(name), root)
        for name, item in fields.items()
        if item is not None or name not in properties or name in required or _allows_null(properties[name], root)
    }


def _allows_null(schema: Any, root: Schema) -> bool:
    if not isinstance(schema, Mapping):
        return schema is True
    part = _resolved(cast("Schema", schema), root)
    declared = part.get("type")
    if "null" in (cast("list[str]", declared) if isinstance(declared, list) else [declared]):
        return True
    if "const" in part or "enum" in part:
        return None in (part.get("enum") or [part.get("const")])
    branches = (*part.get("anyOf", ()), *part.get("oneOf", ()))
    return any(_allows_null(branch, root) for branch in branches) if branches else declared is None


def _resolved(part: Schema, root: Schema) -> Schema:
    """`part`, or what it refers to; {} when the reference leads nowhere or in a circle."""
    for _ in range(20):
        ref = part.get("$ref")
        if ref is None:
            return part
        target: Any = root
        for name in str(ref).removeprefix("#").split("/")[1:]:
            target = cast("Schema", target).get(name) if isinstance(target, Mapping) else None
        part = cast("Schema", target) if isinstance(target, Mapping) else {}
    return {}
