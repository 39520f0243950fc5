"""The echo of a schema is a valid instance of it, and always the same one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from agentic_prefect.models.schema_echo import break_schema
from agentic_prefect.testing import EchoImpossible, echo


@dataclass(frozen=True)
class Case:
    """A schema and what is made up from it."""

    id: str
    schema: dict[str, Any]
    expected: Any


NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
        "parent": {"$ref": "#/$defs/Node"},
    },
    "required": ["name", "next", "children"],
}

CASES = [
    Case("a string is called like its property", {"properties": {"query": {"type": "string"}}}, {"query": "query"}),
    Case("a string is padded to its least length", {"type": "string", "minLength": 8}, "answeran"),
    Case("a string is cut at its greatest length", {"type": "string", "maxLength": 3}, "ans"),
    Case("a known format is kept", {"type": "string", "format": "date"}, "2026-01-01"),
    Case("a simple pattern is followed", {"type": "string", "pattern": r"^\d{4}$"}, "1000"),
    Case("const decides", {"const": 7, "type": "integer"}, 7),
    Case("the first of enum decides", {"enum": ["low", "high"]}, "low"),
    Case("a default is taken", {"type": "string", "default": "en"}, "en"),
    Case("a null default is not", {"type": "string", "default": None}, "answer"),
    Case("the first example is taken", {"type": "string", "examples": ["Rome", "Oslo"]}, "Rome"),
    Case("an integer is its minimum", {"type": "integer", "minimum": 3}, 3),
    Case("an integer lies above an open bound", {"type": "integer", "exclusiveMinimum": 3}, 4),
    Case("an integer lies below a bound", {"type": "integer", "maximum": -2}, -2),
    Case("a multiple is kept", {"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
    Case("a number lies between open bounds", {"exclusiveMinimum": 0, "exclusiveMaximum": 1, "type": "number"}, 0.5),
    Case("a number without bounds is 0", {"type": "number"}, 0),
    Case("a boolean is true", {"type": "boolean"}, True),
    Case("null is null", {"type": "null"}, None),
    Case("of several types the first that is not null", {"type": ["null", "integer"]}, 0),
    Case("of several branches the first that is not null", {"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
    Case("an array has one item", {"type": "array", "items": {"type": "integer"}}, [0]),
    Case(
        "an array has at least its minimum", {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2}, ["a", "b"]
    ),
    Case("an array has at most its maximum", {"type": "array", "maxItems": 0}, []),
    Case("a tuple has all its members", {"prefixItems": [{"type": "string"}, {"type": "null"}]}, ["answer", None]),
    Case("undeclared properties that are required", {"type": "object", "required": ["a"]}, {"a": "a"}),
    Case("as many properties as are demanded", {"type": "object", "minProperties": 1}, {"key_1": "key_1"}),
    Case(
        "parts are put together",
        {"allOf": [{"properties": {"a": {"type": "null"}}}, {"properties": {"b": {"type": "boolean"}}}]},
        {"a": None, "b": True},
    ),
    Case(
        "what contains itself ends as soon as it may",
        {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
        {"name": "name", "next": None, "children": []},
    ),
    Case("no schema at all is a string", {}, "answer"),
]


class Level(StrEnum):
    """An enumeration, as pydantic writes it into a schema."""

    LOW = "low"
    HIGH = "high"


class Finding(BaseModel):
    """A nested model with bounds."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(min_length=5, max_length=20)
    score: float = Field(gt=0, le=1)
    level: Level
    source: str | None
    seen: datetime
    pair: tuple[int, str]
    by_name: dict[str, int]
    kind: Literal["a", "b"]


class Report(BaseModel):
    """A model with lists, a union and a reference to itself."""

    findings: list[Finding] = Field(min_length=2)
    tags: set[str] = Field(min_length=3)
    part: "Report | None" = None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_echo(case: Case) -> None:
    """The schema alone decides the answer, and the answer follows the schema."""
    instance = echo(case.schema)
    jsonschema.validate(instance, case.schema)

    assert instance == case.expected


def test_a_pydantic_model_reads_its_own_echo() -> None:
    """What is made up from a model's schema is an instance of that model."""
    report = Report.model_validate(echo(Report.model_json_schema()))

    assert len(report.findings) == 2
    assert len(report.tags) == 3


def test_array_items_asks_for_longer_arrays() -> None:
    """A fan-out over an echoed list can be as wide as a test wants."""
    schema = {"properties": {"searches": {"type": "array", "items": {"properties": {"query": {"type": "string"}}}}}}

    assert echo(schema, array_items=2) == {"searches": [{"query": "query"}, {"query": "query 2"}]}


SCALARS = st.one_of(
    st.builds(
        lambda low, room: {"type": "string", "minLength": low, "maxLength": low + room}, *[st.integers(0, 30)] * 2
    ),
    st.builds(
        lambda low, room: {"type": "integer", "minimum": low, "maximum": low + room}, st.integers(), st.integers(0)
    ),
    st.builds(
        lambda low, room: {"type": "number", "exclusiveMinimum": low, "maximum": low + room},
        st.integers(-1000, 1000),
        st.integers(1, 9),
    ),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"enum": ["x", 1, None]}, {"type": ["null", "string"]}]),
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3)),
        st.builds(
            lambda parts: {
                "type": "object",
                "properties": parts,
                "required": list(parts),
                "additionalProperties": False,
            },
            st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
        ),
        st.builds(lambda branches: {"anyOf": branches}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)


# On a busy machine drawing a schema takes long now and then, which says nothing about the code.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(SCHEMAS)
def test_every_echo_is_valid_and_repeats(schema: dict[str, Any]) -> None:
    """Whatever the schema asks for, its echo follows it and is the same each time."""
    instance = echo(schema)
    jsonschema.validate(instance, schema)

    assert echo(schema) == instance


BREAKABLE = [
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": "string"}}},
    {"type": "array", "items": {"type": "string"}},
    {"type": "string"},
]


@pytest.mark.parametrize("schema", BREAKABLE, ids=str)
def test_a_broken_instance_is_refused_by_the_schema(schema: dict[str, Any]) -> None:
    """What `break_schema` returns is not an instance any more."""
    broken = break_schema(echo(schema), schema)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


ENDLESS = {"$ref": "#/$defs/N", "$defs": {"N": {"properties": {"n": {"$ref": "#/$defs/N"}}, "required": ["n"]}}}
IMPOSSIBLE = [
    (ENDLESS, "'#/$defs/N' contains itself without an end"),
    ({"type": "string", "pattern": "^[a-f]{7}-zz$"}, "no known string follows the pattern '^[a-f]{7}-zz$'"),
    ({"type": "integer", "minimum": 5, "maximum": 4}, "no number lies within"),
    ({"$ref": "#/$defs/Missing"}, "the reference '#/$defs/Missing' leads nowhere"),
]


@pytest.mark.parametrize(("schema", "reason"), IMPOSSIBLE, ids=lambda value: str(value)[:30])
def test_what_cannot_be_made_up_is_said(schema: dict[str, Any], reason: str) -> None:
    """A schema without a known instance is named with its reason and the way out."""
    with pytest.raises(EchoImpossible) as caught:
        echo(schema)

    assert reason in str(caught.value)
    assert "Give it an example (`examples`)" in str(caught.value)
