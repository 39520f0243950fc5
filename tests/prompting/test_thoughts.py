"""Thoughts before an answer."""

from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.prompting.thoughts import answer_alone, with_thoughts


def test_form_has_thoughts_before_the_answer() -> None:  # P-64
    """A model writes fields in the order in which they are asked for."""
    form = with_thoughts(OutputSchema(name="city", json_schema={"type": "string"}))

    assert form.name == "city"
    assert list(form.json_schema["properties"]) == ["reasoning", "answer"]
    assert form.json_schema["required"] == ["reasoning", "answer"]
    assert with_thoughts(None).json_schema["properties"]["answer"] == {"type": "string"}
    assert answer_alone({"reasoning": "…", "answer": ["x"]}) == ["x"]


def test_references_lead_to_the_same_places() -> None:
    """Definitions move to the root, and a form that is made of itself goes on to be."""
    own = {
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/City"}, "parts": {"type": "array", "items": {"$ref": "#"}}},
        "$defs": {"City": {"type": "object", "properties": {"twin": {"$ref": "#/properties/city"}}}},
    }
    form = with_thoughts(OutputSchema(name="x", json_schema=own)).json_schema

    assert form["$defs"]["City"]["properties"]["twin"] == {"$ref": "#/properties/answer/properties/city"}
    assert form["properties"]["answer"]["properties"]["city"] == {"$ref": "#/$defs/City"}
    assert form["properties"]["answer"]["properties"]["parts"]["items"] == {"$ref": "#/properties/answer"}
