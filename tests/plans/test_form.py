"""A plan's inputs as the schema of a form."""

from typing import Any

import pytest
from prefect.utilities.schema_tools.validation import is_valid_schema, validate

from agentic_prefect.plans.form import input_defaults, plan_form
from agentic_prefect.plans.load import load_plan

PLAN = load_plan(
    """
name: formed
inputs:
  query: {type: string, title: What to look for, description: A question., minLength: 3, default: tea}
  searches: {type: integer, minimum: 1, maximum: 20, default: 5}
  tone: {enum: [dry, warm], default: dry}
  tree: {$ref: "#/$defs/node", $defs: {node: {type: object, properties: {next: {$ref: "#/$defs/node"}}}}}
  pair: {type: object, properties: {a: {type: integer}, b: {$ref: "#/properties/a"}}}
tasks: [{id: a, description: x}]
"""
)
FORM = plan_form(PLAN)
NEEDED = {"tree": {}, "pair": {}}


def test_the_form_has_the_plans_own_fields() -> None:
    """Titles, descriptions, bounds, choices and defaults are the plan's; a title is made of the name where none is."""
    fields = FORM["properties"]["inputs"]["properties"]

    assert fields["query"] == {
        "title": "What to look for",
        "type": "string",
        "description": "A question.",
        "minLength": 3,
        "default": "tea",
        "position": 0,
    }
    assert fields["searches"] == {
        "title": "Searches", "type": "integer", "minimum": 1, "maximum": 20, "default": 5, "position": 1,
    }  # fmt: skip
    assert (fields["tone"]["enum"], fields["tone"]["default"]) == (["dry", "warm"], "dry")
    assert FORM["properties"]["inputs"]["required"] == ["tree", "pair"]
    assert input_defaults(PLAN) == {"query": "tea", "searches": 5, "tone": "dry"}


@pytest.mark.parametrize(
    ("inputs", "fault"),
    [
        (NEEDED, None),
        ({**NEEDED, "searches": 21}, "21 is greater than the maximum of 20"),
        ({**NEEDED, "tone": "loud"}, "'loud' is not one of ['dry', 'warm']"),
        ({**NEEDED, "serches": 1}, "'serches' was unexpected"),
        ({**NEEDED, "tree": {"next": {"next": 3}}}, "3 is not of type 'object'"),
        ({**NEEDED, "pair": {"b": "x"}}, "'x' is not valid"),
        ({"tree": {}}, "'pair' is a required property"),
    ],
)
def test_prefect_holds_runs_to_it(inputs: dict[str, Any], fault: str | None) -> None:
    """Prefect's own validation takes the form, with references wherever they lead, and refuses what does not fit."""
    is_valid_schema(FORM)
    errors = validate({"inputs": inputs}, FORM)

    assert [error.message for error in errors if fault is None] == []
    assert fault is None or any(fault in error.message for error in errors), errors


def test_a_plan_without_required_inputs_starts_with_one_click() -> None:
    """Nothing is required where every input has a default, and a plan without inputs says so."""
    plan = load_plan("name: none\ntasks: [{id: a, description: x}]")
    form = plan_form(plan)

    assert form["required"] == []
    assert form["properties"]["inputs"]["description"] == "The plan takes no inputs."
    assert validate({"inputs": {}, "model": "", "max_concurrency": 0, "rehearse": True}, form) == []
