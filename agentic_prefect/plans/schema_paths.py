"""Whether a JSON Schema has a field: a reference to one that no answer will have is found before the run."""

from collections.abc import Mapping
from typing import Any, cast

from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.schema_check import JsonSchema, resolved

MAX_STEPS = 100
"""References followed for one path; a ring of them ends here."""
_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})


def path_fault(schema: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """What is wrong with looking up `path` in data of that schema; empty when it may be there.

    Args:
        schema: A whole schema; its references are followed within it.
        path: Keys and indexes as text.
    """
    parts = [cast("Any", schema)]
    for place, key in enumerate(path):
        outcomes = [_step(schema, part, key) for part in parts]
        parts = [part for found, _ in outcomes for part in found]
        if not parts:
            at = ".".join(path[:place])
            why = next((fault for _, fault in outcomes if fault), "there is nothing")
            return f"{at!r}: {why}" if at else why
    return ""


def item_schema(schema: Mapping[str, Any], path: tuple[str, ...]) -> JsonSchema | None:
    """A schema for the items of the list at `path`, able to stand on its own; `None` when it is not known."""
    parts = [cast("Any", schema)]
    for key in (*path, "0"):
        parts = [part for parent in parts for part in _step(schema, parent, key)[0]]
    if not parts or not all(isinstance(part, Mapping) for part in parts):
        return None
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    return {**shared, "anyOf": parts}


def _step(root: Mapping[str, Any], part: Any, key: str) -> tuple[list[Any], str]:
    """The schemas that `key` leads to, `True` for anything at all; none and a reason when it leads nowhere."""
    found: list[Any] = []
    faults: list[str] = []
    for branch in _branches(root, part):
        inner, fault = _in_branch(branch, key)
        found += inner
        faults += [fault] if fault else []
    return found, faults[0] if faults else ""


def _branches(root: Mapping[str, Any], part: Any) -> list[Any]:
    """The alternatives that a schema allows, references followed. `allOf` counts as alternatives, too: one that has
    the field is enough.
    """
    open_parts, branches, seen = [part], list[Any](), 0
    while open_parts and seen < MAX_STEPS:
        seen += 1
        schema = open_parts.pop()
        if not isinstance(schema, Mapping):
            branches.append(schema is not False)
            continue
        fields = cast("Mapping[str, Any]", schema)
        nested = [inner for word in ("anyOf", "oneOf", "allOf") for inner in fields.get(word, ())]
        if "$ref" in fields:
            nested.append(resolved(root, str(fields["$ref"])) or True)
        open_parts += nested
        if not nested or "properties" in fields or "items" in fields:
            branches.append(fields)
    return branches or [True]


def _in_branch(branch: Any, key: str) -> tuple[list[Any], str]:
    if not isinstance(branch, Mapping):
        return ([True], "") if branch else ([], "nothing is allowed there")
    schema = cast("Mapping[str, Any]", branch)
    kinds = schema.get("type", ())
    types = frozenset([kinds] if isinstance(kinds, str) else cast("list[str]", kinds))
    is_index = key.lstrip("-").isdecimal()
    if "items" in schema or "prefixItems" in schema or types == frozenset({"array"}):
        return _in_list(schema, key, is_index)
    if types and types <= _SCALARS:
        if is_index and "string" in types:
            return [True], ""
        return [], f"it is of type {'/'.join(sorted(types))} and has no field {key!r}"
    properties = cast("Mapping[str, Any]", schema.get("properties", {}))
    if key in properties:
        return [properties[key]], ""
    extra = schema.get("additionalProperties", not properties)
    if extra is False and not schema.get("patternProperties"):
        fields = f"its schema has no field {key!r}. It has: {listing(properties)}."
        return [], f"{fields} {did_you_mean(key, properties)}".strip()
    return [extra if isinstance(extra, Mapping) else True], ""


def _in_list(schema: Mapping[str, Any], key: str, is_index: bool) -> tuple[list[Any], str]:
    if not is_index:
        return [], f"it is a list and has no field {key!r}. Take one item (`[0]`) or `| map(attribute={key!r})`."
    first = cast("list[Any]", schema.get("prefixItems", []))
    index = int(key)
    if 0 <= index < len(first):
        return [first[index]], ""
    return [schema.get("items", True)], ""
