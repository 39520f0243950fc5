"""How large a schema is, counted the way providers do when they enforce one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from agentic_prefect.plans.schema_check import parts_of, resolved

COMMON_PROPERTIES = 100
COMMON_DEPTH = 5
"""What every provider with a strict mode takes; beyond these some refuse the request."""
MOST_PROPERTIES = 5_000
MOST_DEPTH = 10
"""What OpenAI takes; beyond these no provider is known to enforce the schema.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""
_PARTS_TO_COUNT = 20_000


@dataclass(frozen=True, slots=True)
class SchemaSize:
    """The size of a schema."""

    properties: int
    """Properties of all objects together, definitions included."""
    depth: int
    """Objects and lists within each other; a flat object is 1 deep. A schema that refers to itself counts once."""

    def excess(self, properties: int, depth: int) -> str:
        """What goes beyond these limits, with counts; empty when nothing does."""
        parts = [
            f"{count:,} {what}, the limit is {limit:,}"
            for count, what, limit in (
                (self.properties, "properties", properties),
                (self.depth, "levels of nesting", depth),
            )
            if count > limit
        ]
        return " and ".join(parts)


def size_of(schema: Mapping[str, Any]) -> SchemaSize:
    """The size of a whole schema."""
    properties = sum(
        len(part["properties"]) for part in parts_of(schema) if isinstance(part.get("properties"), Mapping)
    )
    return SchemaSize(properties, _Depth(schema).of(schema, frozenset()))


class _Depth:
    """Measures how deep a schema goes, references followed."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = _PARTS_TO_COUNT

    def of(self, part: Any, followed: frozenset[str]) -> int:
        if not isinstance(part, Mapping) or self._left <= 0:
            return 0
        self._left -= 1
        schema = cast("Mapping[str, Any]", part)
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if reference in followed:
                return 0
            return self.of(resolved(self._root, reference), followed | {reference})
        alternatives = [inner for word in ("anyOf", "oneOf", "allOf") for inner in schema.get(word, ())]
        beside = max((self.of(inner, followed) for inner in alternatives), default=0)
        inside = [*cast("Mapping[str, Any]", schema.get("properties", {})).values()]
        inside += [
            *cast("list[Any]", schema.get("prefixItems", [])),
            schema.get("items"),
            schema.get("additionalProperties"),
        ]
        is_container = schema.get("type") in ("object", "array") or "properties" in schema or "items" in schema
        own = int(is_container) + max((self.of(inner, followed) for inner in inside), default=0)
        return max(beside, own)
