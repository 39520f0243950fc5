"""What a schema says about the fields of an input."""

from typing import Any

from agentic_prefect.prompting.schema_guide import field_guide
from tests.prompting.samples import full_work, make_builder, sections

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Where to\n go"},
        "kind": {"enum": ["surf", "hike"], "description": "What to do there"},
        "people": {"type": "array", "items": {"$ref": "#/$defs/Person"}},
        "absent": {"type": "string", "description": "Not given"},
        "plain": {"type": "string"},
    },
    "$defs": {
        "Person": {"type": "object", "properties": {"age": {"type": ["integer", "null"], "description": "Years"}}}
    },
}
GIVEN = {"city": "Rome", "kind": "hike", "people": [{"age": 3}], "plain": "x"}


def test_guide_describes_the_fields_that_are_there() -> None:
    """Name, type and description, nested ones by their path; what has no description or is not given is left out."""
    assert field_guide(SCHEMA, GIVEN) == (
        {"name": "city", "type": "string", "description": "Where to go"},
        {"name": "kind", "type": "one of surf, hike", "description": "What to do there"},
        {"name": "people[].age", "type": "integer or null", "description": "Years"},
    )
    assert field_guide(None, GIVEN) == ()
    assert field_guide({"$ref": "#"}, GIVEN) == ()


def test_prompt_shows_the_guide_beside_the_values() -> None:  # P-60
    """Descriptions of the input's schema stand under the values that they describe."""
    text = sections(make_builder().build_for_task(full_work(input=GIVEN, input_schema=SCHEMA)).record.text)

    values, _, guide = text["# Input Parameters"].partition("## What the fields mean\n\n")
    assert '"city": "Rome"' in values
    assert guide == (
        "- `city` (string): Where to go\n- `kind` (one of surf, hike): What to do there\n"
        "- `people[].age` (integer or null): Years"
    )
