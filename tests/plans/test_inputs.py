"""Inputs: defaults, checks, and the types of what was given as text."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.inputs import parse_inputs, validate_inputs
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.testing.builders import make_plan

PLAN = make_plan(
    {"id": "a"},
    inputs={
        "query": {"type": "string", "minLength": 2, "description": "What to look for."},
        "limit": {"type": "integer", "default": 3, "maximum": 9},
        "places": {"type": "array", "items": {"type": "string"}, "default": []},
    },
)


def plan_with(schema: dict[str, Any]) -> Plan:
    """A plan with the one input `x`."""
    return make_plan({"id": "a"}, inputs={"x": schema})


def test_defaults_are_filled_in() -> None:
    """What is left out gets its default, in the order in which the plan declares it."""
    assert list(validate_inputs(PLAN, {"query": "surf"}).items()) == [("query", "surf"), ("limit", 3), ("places", [])]


def test_all_problems_at_once() -> None:
    """Unknown, missing and wrong inputs are reported together, each with what would be right."""
    with pytest.raises(PlanProblems) as caught:
        validate_inputs(PLAN, {"qery": "surf", "limit": 10, "places": [1]})

    assert str(caught.value) == (
        "Plan 'plan' has 4 problems:\n"
        "  - input qery: the plan has no such input. Did you mean 'query'?\n"
        "  - input query: it is missing and has no default. It is of type string: What to look for.\n"
        "  - input limit: 10 is greater than the maximum of 9. It is of type integer.\n"
        "  - input places: [0]: 1 is not of type 'string'. It is of type array."
    )


def test_a_plan_without_inputs_takes_none() -> None:
    """An input for a plan that declares none is refused."""
    with pytest.raises(PlanProblems, match=r"input x: the plan has no such input. It has: none."):
        validate_inputs(make_plan({"id": "a"}), {"x": 1})


@dataclass(frozen=True)
class Case:
    id: str
    schema: dict[str, Any]
    text: str
    expected: Any


CASES = [
    Case("text stays text", {"type": "string"}, "12", "12"),
    Case("an integer", {"type": "integer"}, "-12", -12),
    Case("a number", {"type": "number"}, "1.5", 1.5),
    Case("a whole number stays whole", {"type": "number"}, "2", 2),
    Case("a truth", {"type": "boolean"}, "Yes", True),
    Case("an untruth", {"type": "boolean"}, "0", False),
    Case("null", {"type": ["integer", "null"]}, "null", None),
    Case("either", {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "5", 5),
    Case("either, as text", {"type": ["string", "integer"]}, "five", "five"),
    Case("a list as JSON", {"type": "array"}, "[1, 2]", [1, 2]),
    Case("a list of texts with commas", {"type": "array", "items": {"type": "string"}}, "a, b,c", ["a", "b", "c"]),
    Case("a list of texts as JSON", {"type": "array", "items": {"type": "string"}}, '["a, b"]', ["a, b"]),
    Case("a mapping", {"type": "object"}, '{"a": 1}', {"a": 1}),
    Case("no type, JSON", {}, "[1]", [1]),
    Case("no type, text", {}, "[1", "[1"),
    Case("one of a few", {"enum": ["a", 1, None]}, "1", 1),
    Case("none of a few is left for the check", {"enum": ["a"]}, "b", "b"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_parse(case: Case) -> None:
    """Text from a command line becomes what the input's schema asks for."""
    assert parse_inputs(plan_with(case.schema), {"x": case.text}) == {"x": case.expected}


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        ({"type": "integer"}, "1.5", "'1.5' cannot be read as integer"),
        ({"type": "number"}, "nan", "'nan' cannot be read as number"),
        ({"type": "boolean"}, "maybe", "'maybe' cannot be read as boolean"),
        ({"type": "array", "items": {"type": "integer"}}, "1,2", "cannot be read as array"),
        ({"type": "array", "items": {"type": "string"}}, '["a"', "cannot be read as array"),
        (
            {"type": "object", "description": "Options."},
            "[]",
            "cannot be read as object. It is of type object: Options.",
        ),
    ],
)
def test_unreadable(schema: dict[str, Any], text: str, expected: str) -> None:
    """Text that is not of the type is refused by name, with what was given and what is wanted."""
    with pytest.raises(PlanProblems) as caught:
        parse_inputs(plan_with(schema), {"x": text})

    assert "input x: " in str(caught.value)
    assert expected in str(caught.value)


def test_unknown_names_are_passed_on() -> None:
    """An input that the plan lacks reaches the check, which knows the near names."""
    assert parse_inputs(PLAN, {"qery": "x"}) == {"qery": "x"}


@given(value=st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_they_are_written(value: float) -> None:
    """Any number survives being written on a command line."""
    assert parse_inputs(plan_with({"type": "number"}), {"x": repr(value)}) == {"x": value}
