"""Output schemas by name, from models, and written out."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.plans.schema_check import schema_fault, violations
from agentic_prefect.plans.schemas import SchemaRegistry, resolve_output


class Finding(BaseModel):
    """Something that was found."""

    text: str
    parts: list["Finding"] = []


class Findings(BaseModel):
    """All that was found."""

    findings: list[Finding]
    note: str | None = None


@dataclass
class Point:
    """A place."""

    x: int
    y: int = 0


class Plain:
    """A class that says nothing about its fields."""


def find(reference: str) -> type:
    """The class that a reference means."""
    return {"m:Findings": Findings, "m:Point": Point, "m:Plain": Plain}[reference]


@pytest.mark.parametrize("name", ["default", "simple_object", "code_generation", "analysis"])
def test_built_in_schemas(name: str) -> None:
    """The four built-in schemas can be named by every plan, and are closed objects that strict mode takes."""  # L-35
    schema = resolve_output(name, SchemaRegistry(), find)

    assert schema is not None
    assert schema.name == name
    assert schema_fault(schema.json_schema) == ""
    assert schema.json_schema["required"] == list(schema.json_schema["properties"])
    assert schema.json_schema["additionalProperties"] is False


def test_an_unknown_name_is_refused() -> None:
    """A name that no schema has is an error with a near name."""  # L-35
    with pytest.raises(PlanInvalid, match=r"called 'analisys'. Known: default, .* Did you mean 'analysis'\?"):
        resolve_output("analisys", SchemaRegistry(), find)


def test_register_and_reset() -> None:
    """A registered schema is listed after the built-in ones and found by name, until the registry is reset."""  # L-35
    registry = SchemaRegistry()
    registry.register("findings", Findings)
    registry.register("count", {"type": "integer"})

    assert registry.list()[-2:] == ("findings", "count")
    assert registry.get("count") == {"type": "integer"}
    assert "findings" in registry
    registry.reset()
    assert registry.list() == ("default", "simple_object", "code_generation", "analysis")
    assert "findings" not in registry


@pytest.mark.parametrize(
    ("name", "schema", "message"),
    [
        ("a b", {}, "'a b' cannot name a schema"),
        ("x" * 65, {}, "cannot name a schema"),
        ("x", {"type": "objct"}, "The schema 'x' is no valid JSON Schema: type: 'objct'"),
    ],
)
def test_what_cannot_be_registered(name: str, schema: dict[str, Any], message: str) -> None:
    """A name that providers refuse and a schema that is none are refused at once."""
    with pytest.raises(PlanInvalid) as caught:
        SchemaRegistry().register(name, schema)

    assert message in str(caught.value)


@pytest.mark.parametrize("output", [None, "text"])
def test_text(output: str | None) -> None:
    """No schema is text."""
    assert resolve_output(output, SchemaRegistry(), find) is None


def test_a_model() -> None:
    """A nested, even recursive model becomes a schema that its own data fits, and other data does not."""  # L-34
    schema = resolve_output({"model": "m:Findings"}, SchemaRegistry(), find)
    data = Findings(findings=[Finding(text="a", parts=[Finding(text="b")])]).model_dump(mode="json")

    assert schema is not None
    assert schema.name == "Findings"
    assert schema_fault(schema.json_schema) == ""
    assert violations(schema.json_schema, data) == ()
    assert violations(schema.json_schema, {"findings": [{"text": "a", "parts": [{"text": 1}]}]}) == (
        "findings[0].parts[0].text: 1 is not of type 'string'",
    )


def test_a_dataclass() -> None:
    """Whatever pydantic can describe is a model."""
    schema = resolve_output({"model": "m:Point"}, SchemaRegistry(), find)

    assert schema is not None
    assert set(schema.json_schema["properties"]) == {"x", "y"}


def test_a_class_without_a_schema() -> None:
    """A class that cannot be described is refused by name."""
    with pytest.raises(PlanInvalid, match=r"'Plain' has no JSON Schema: .* Use a pydantic model or a dataclass"):
        resolve_output({"model": "m:Plain"}, SchemaRegistry(), find)


@pytest.mark.parametrize(
    ("title", "expected"), [(None, "answer"), ("Trip plan!", "Trip_plan_"), ("", "answer"), ("é" * 99, "_")]
)
def test_a_written_schema_has_a_name_that_providers_take(title: str | None, expected: str) -> None:
    """A schema that is written out is named after its title, in letters that providers accept."""
    written = {"type": "object", **({} if title is None else {"title": title})}
    schema = resolve_output(written, SchemaRegistry(), find)

    assert schema is not None
    assert (schema.name, schema.json_schema) == (expected, written)
