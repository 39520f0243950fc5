"""Schemas in the form that providers can enforce, and the answers' way back."""

import json
from dataclasses import dataclass
from typing import Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field

from agentic_prefect.llm.wire_schema import own_form, wire_schema
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.testing import echo
from agentic_prefect.testing.strict_schema import strict_problem


def output(schema: dict[str, Any], name: str = "answer") -> OutputSchema:
    """An output with that schema."""
    return OutputSchema(name=name, json_schema=schema)


def closed(**properties: Any) -> dict[str, Any]:
    """An object as strict mode wants it."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT = {"type": "string"}


@dataclass(frozen=True)
class Case:
    """A schema, and what is sent for it."""

    id: str
    schema: dict[str, Any]
    expected: dict[str, Any]


STRICT = [
    Case("an object is closed", {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, closed(a=TEXT)),
    Case("none listed as required is all", {"type": "object", "properties": {"a": TEXT}}, closed(a=TEXT)),
    Case(
        "an optional property may be null",
        {"type": "object", "properties": {"a": TEXT, "b": TEXT}, "required": ["a"]},
        closed(a=TEXT, b={"type": ["string", "null"]}),
    ),
    Case(
        "an optional label may be null, too",
        {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}, "required": []},
        closed(a={"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "null"}]}),
    ),
    Case(
        "a list is put into an object", {"type": "array", "items": TEXT}, closed(value={"type": "array", "items": TEXT})
    ),
    Case("a label as well", {"enum": ["a", "b"]}, closed(value={"enum": ["a", "b"]})),
    Case(
        "a choice at the root as well",
        {"anyOf": [{"type": "object", "properties": {"a": TEXT}}, {"type": "null"}]},
        closed(value={"anyOf": [closed(a=TEXT), {"type": "null"}]}),
    ),
    Case(
        "definitions stay at the root",
        {
            "type": "array",
            "items": {"$ref": "#/$defs/T"},
            "$defs": {"T": {"type": "object", "properties": {"a": TEXT}}},
        },
        closed(value={"type": "array", "items": {"$ref": "#/$defs/T"}}) | {"$defs": {"T": closed(a=TEXT)}},
    ),
    Case(
        "a reference to the old root follows it",
        {"anyOf": [TEXT, {"type": "array", "items": {"$ref": "#"}}]},
        closed(value={"anyOf": [TEXT, {"type": "array", "items": {"$ref": "#/properties/value"}}]}),
    ),
    Case(
        "oneOf is sent as anyOf, and notes are left out",
        {"type": "object", "properties": {"a": {"oneOf": [TEXT, {"type": "null"}], "default": None, "title": "A"}}},
        closed(a={"anyOf": [TEXT, {"type": "null"}], "title": "A"}),
    ),
    Case(
        "conditions are left to the check of the answer",
        {
            "type": "object",
            "properties": {"a": {"type": "array", "items": TEXT, "uniqueItems": True}},
            "minProperties": 1,
        },
        closed(a={"type": "array", "items": TEXT}),
    ),
    Case(
        "allOf of one is that one",
        {"type": "object", "properties": {"a": {"allOf": [TEXT], "description": "d"}}},
        closed(a={"type": "string", "description": "d"}),
    ),
]


@pytest.mark.parametrize("case", STRICT, ids=lambda case: case.id)
def test_strict(case: Case) -> None:
    """A schema with a strict form is sent in it."""
    wire = wire_schema(output(case.schema))

    assert (wire.is_strict, wire.schema) == (True, case.expected)


@pytest.mark.parametrize("case", STRICT, ids=lambda case: case.id)
def test_strict_form_is_accepted(case: Case) -> None:
    """Nothing is sent as strict that OpenAI refuses."""
    assert strict_problem(wire_schema(output(case.schema)).schema) is None


LOOSE = [
    {"type": "object"},
    {"type": "object", "properties": {"a": TEXT}, "additionalProperties": True},
    {"type": "object", "additionalProperties": {"type": "integer"}},
    {"type": "object", "properties": {"a": {}}},
    {"type": "object", "properties": {"a": True}},
    {"type": "object", "properties": {"a": {"type": "array"}}},
    {"type": "object", "properties": {"a": {"allOf": [TEXT, {"minLength": 1}]}}},
    {"type": "object", "properties": {"a": {"type": "array", "prefixItems": [TEXT]}}},
    {"type": "object", "properties": {"a": TEXT}, "required": ["b"]},
]


@pytest.mark.parametrize("schema", LOOSE, ids=json.dumps)
def test_not_strict(schema: dict[str, Any]) -> None:
    """A schema without a strict form is sent as it is."""
    wire = wire_schema(output(schema))

    assert (wire.is_strict, wire.schema) == (False, schema)


def test_not_strict_is_an_object_all_the_same() -> None:
    """Every API wants an object at the root, strict or not."""
    wire = wire_schema(output({"type": "array"}))

    assert (wire.is_strict, wire.schema) == (False, closed(value={"type": "array"}))


def test_lengths_can_be_left_out() -> None:
    """Lengths of strings are for servers that know them."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}}}

    assert wire_schema(output(schema), with_lengths=False).schema == closed(a=TEXT)


@pytest.mark.parametrize(("name", "expected"), [("my form!", "my_form_"), ("x" * 80, "x" * 64), ("", "answer")])
def test_name(name: str, expected: str) -> None:
    """The name has the letters and the length that the APIs allow."""
    assert wire_schema(output({"type": "object"}, name)).name == expected


@dataclass(frozen=True)
class Answer:
    """What a model says to a wire schema, and what the caller gets."""

    id: str
    schema: dict[str, Any]
    said: str
    expected: str


OPTIONAL = {"type": "object", "properties": {"a": TEXT, "b": TEXT}, "required": ["a"]}
NULLABLE = {"type": "object", "properties": {"b": {"type": ["string", "null"]}}, "required": []}
NESTED = {"type": "array", "items": {"$ref": "#/$defs/T"}, "$defs": {"T": OPTIONAL}}
CHOICE = {"type": "object", "properties": {"c": {"anyOf": [OPTIONAL, {"type": "null"}]}}}

ANSWERS = [
    Answer("an object stays as it was said", OPTIONAL, '{"a":  "x", "b": "y"}', '{"a":  "x", "b": "y"}'),
    Answer("a null for an optional property goes", OPTIONAL, '{"a": "x", "b": null}', '{"a": "x"}'),
    Answer("a null that is allowed stays", NULLABLE, '{"b": null}', '{"b": null}'),
    Answer("a null for a required property is an error to be found", OPTIONAL, '{"a": null}', '{"a": null}'),
    Answer("a list comes out of its wrapper", {"type": "array", "items": TEXT}, '{"value": ["é"]}', '["é"]'),
    Answer("also out of a fenced one", {"enum": ["a"]}, '```json\n{"value": "a"}\n```', '"a"'),
    Answer("a list that came without one stays", {"type": "array"}, "[1]", "[1]"),
    Answer("in a list, through a reference", NESTED, '{"value": [{"a": "x", "b": null}]}', '[{"a": "x"}]'),
    Answer("in a choice", CHOICE, '{"c": {"a": "x", "b": null}}', '{"c": {"a": "x"}}'),
    Answer("an object's own field called value stays", {"type": "object"}, '{"value": 1}', '{"value": 1}'),
    Answer("text that is no JSON stays", OPTIONAL, "I think that", "I think that"),
]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_own_form(case: Answer) -> None:
    """An answer to the wire schema comes back in the form of the task's own."""
    assert own_form(case.said, output(case.schema)) == case.expected


class Step(BaseModel):
    """A nested model."""

    kind: Literal["search", "read"]
    note: str = ""
    limit: int | None = None
    steps: "list[Step]" = Field(default_factory=list)


class Report(BaseModel):
    """A model with all that pydantic writes: references, choices, defaults, descriptions."""

    title: str = Field(description="In one line.", max_length=80)
    score: float = Field(ge=0, le=1)
    first: Step = Field(description="The first step.")
    choice: Step | str | None = None


@pytest.mark.parametrize("model", [Step, Report])
def test_pydantic_model_round_trips(model: type[BaseModel]) -> None:
    """What a provider makes of a pydantic model's wire schema is a valid instance of the model."""
    schema = output(model.model_json_schema())
    wire = wire_schema(schema)
    said = echo(wire.schema)
    back = own_form(json.dumps(said), schema)

    jsonschema.validate(said, wire.schema)
    assert strict_problem(wire.schema) is None
    assert model.model_validate_json(back)
