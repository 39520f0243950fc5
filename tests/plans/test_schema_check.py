"""JSON Schemas: whether they are some, what they say about a value, how large they are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from agentic_prefect.plans.schema_check import is_plainly_right, schema_fault, violations
from agentic_prefect.plans.schema_limits import SchemaSize, size_of
from agentic_prefect.plans.schema_paths import item_schema, path_fault

TREE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "nodes": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        "pair": {"prefixItems": [{"type": "object", "properties": {"a": {}}}], "items": {"type": "string"}},
        "maybe": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]},
        "both": {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
        "open": {"properties": {"a": {}}, "additionalProperties": {"type": "string"}},
        "any": {},
        "ring": {"$ref": "#/$defs/ring"},
    },
    "$defs": {
        "node": {"type": "object", "properties": {"name": {"type": "string"}, "nodes": {"$ref": "#/properties/nodes"}}},
        "ring": {"$ref": "#/$defs/ring"},
    },
}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (TREE, ""),
        ({"type": "objct"}, "type: 'objct' is not valid under any of the given schemas"),
        ({"properties": []}, "properties: [] is not of type 'object'"),
        ({"properties": {"a": {"required": "b"}}}, "properties.a.required: 'b' is not of type 'array'"),
        (5, "5 is not of type 'object', 'boolean'"),
        ({"$ref": "#/$defs/x"}, "it refers to '#/$defs/x', which it does not contain"),
        (
            {"$ref": "https://example.com/schema"},
            "it refers to 'https://example.com/schema', which it does not contain",
        ),
        ({"pattern": "["}, "the pattern '[' is no regular expression"),
        ({"default": object()}, "it is no plain data"),
    ],
)
def test_schema_fault(schema: Any, expected: str) -> None:
    """What is no JSON Schema, or does not stand on its own, is told with its place."""
    fault = schema_fault(schema)

    assert fault.startswith(expected)
    assert bool(fault) is bool(expected)


KEYWORDS = st.sampled_from(
    [
        "type",
        "properties",
        "items",
        "required",
        "enum",
        "anyOf",
        "minLength",
        "minimum",
        "description",
        "$defs",
        "default",
        "pattern",
        "additionalProperties",
        "const",
    ]
)
LEAF = st.sampled_from(
    ["object", "string", "x", 1, -1, 1.5, True, None, [], ["string"], ["string", "string"], [{}], {}]
)
SCHEMAS = st.recursive(
    st.dictionaries(KEYWORDS, LEAF, max_size=3),
    lambda inner: st.dictionaries(
        KEYWORDS, LEAF | inner | st.dictionaries(st.sampled_from("ab"), inner, max_size=2), max_size=3
    ),
    max_leaves=5,
)


@given(schema=SCHEMAS)
def test_the_short_check_is_never_too_kind(schema: dict[str, Any]) -> None:
    """What the short check lets through is a JSON Schema by the book."""
    if is_plainly_right(schema):
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            pytest.fail(f"{schema} was let through: {error.message}")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"nodes": [{"name": "a", "nodes": []}]}, ()),
        (
            {"nodes": [{"name": 1}, 5]},
            ("nodes[0].name: 1 is not of type 'string'", "nodes[1]: 5 is not of type 'object'"),
        ),
        ({"maybe": {"name": 1}}, ("maybe.name: 1 is not of type 'string'",)),
        ([], ("[] is not of type 'object'",)),
        ({"ring": 1}, ("the schema or the value is nested too deeply",)),
    ],
)
def test_violations(value: Any, expected: tuple[str, ...]) -> None:
    """Every place where a value does not fit is told with its path, and alternatives are told apart."""
    assert violations(TREE, value) == expected


def test_violations_are_bounded() -> None:
    """A value with many faults and a long value in a message stay short."""
    many = violations({"items": {"type": "string"}}, list(range(1000)))
    long = violations({"type": "string"}, ["x" * 10_000])

    assert len(many) == 20
    assert len(long[0]) <= 200


def test_nothing_is_fetched() -> None:
    """A reference to another place is a fault of the schema, not a request."""
    assert violations({"$ref": "https://example.com/x"}, 1) == (
        "the schema refers to 'https://example.com/x', which it does not contain",
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("nodes.0.nodes.1.name", ""),
        ("nodes.-1.name", ""),
        ("nodes.name", "'nodes': it is a list and has no field 'name'"),
        ("nodes.0.nmae", "'nodes.0': its schema has no field 'nmae'. It has: name, nodes. Did you mean 'name'?"),
        ("nodes.0.name.first", "'nodes.0.name': it is of type string and has no field 'first'"),
        ("nodes.0.name.0", ""),
        ("pair.0.a", ""),
        ("pair.0.b", "'pair.0': its schema has no field 'b'"),
        ("pair.1.a", "'pair.1': it is of type string"),
        ("maybe.name", ""),
        ("maybe.x", "'maybe': its schema has no field 'x'"),
        ("both.a", ""),
        ("both.b", ""),
        ("open.z", ""),
        ("open.z.y", "'open.z': it is of type string"),
        ("any.thing.at.all", ""),
        ("ring.x", ""),
        ("noeds", "its schema has no field 'noeds'"),
    ],
)
def test_path_fault(path: str, expected: str) -> None:
    """A path that no data of the schema has is told with the place where it ends and the near name."""
    fault = path_fault(TREE, tuple(path.split(".")))

    assert fault.startswith(expected)
    assert bool(fault) is bool(expected)


def test_item_schema_stands_on_its_own() -> None:
    """The schema of a list's items keeps what it refers to; what is no list has none."""
    items = item_schema(TREE, ("nodes",))

    assert items is not None
    assert path_fault(items, ("name",)) == ""
    assert path_fault(items, ("nmae",)) != ""
    assert item_schema(TREE, ("nodes", "0", "name")) is None


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, SchemaSize(0, 0)),
        ({"type": "object", "properties": {"a": {}, "b": {"type": "string"}}}, SchemaSize(2, 1)),
        ({"type": "array", "items": {"type": "object", "properties": {"a": {}}}}, SchemaSize(1, 2)),
        ({"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "array"}}]}, SchemaSize(0, 2)),
        (TREE, SchemaSize(13, 4)),
    ],
)
def test_size(schema: dict[str, Any], expected: SchemaSize) -> None:
    """Properties and levels are counted, lists and definitions included, and a schema within itself ends."""  # L-34
    assert size_of(schema) == expected


def test_excess_has_counts() -> None:
    """What goes beyond a limit is said with the count and the limit."""  # L-34
    assert SchemaSize(101, 6).excess(100, 5) == (
        "101 properties, the limit is 100 and 6 levels of nesting, the limit is 5"
    )
    assert SchemaSize(100, 5).excess(100, 5) == ""
