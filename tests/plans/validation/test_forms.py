"""JSON Schemas of inputs and outputs."""

from typing import Any

import pytest

from tests.plans.validation.cases import A, Case, assert_refused, assert_warned, task


def deep(levels: int) -> dict[str, Any]:
    """An object of that many levels."""
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels - 1):
        schema = {"type": "object", "properties": {"x": schema}}
    return schema


CASES = [
    Case(
        "an input that is no schema",
        (A,),
        "inputs.q: it is no valid JSON Schema: type: 'strin'",
        {"inputs": {"q": {"type": "strin"}}},
    ),
    Case(
        "a default that does not fit",
        (A,),
        "inputs.n.default: it does not fit the input's own schema: 'x' is not of type 'integer'",
        {"inputs": {"n": {"type": "integer", "default": "x"}}},
    ),
    Case(
        "an output that is no schema",
        (task("a", output={"type": "objct"}),),
        "task a: output: it is no valid JSON Schema",
    ),
    Case(
        "a schema that refers elsewhere",
        (task("a", output={"$ref": "https://example.com/x"}),),
        "it refers to 'https://example.com/x', which it does not contain",
    ),
    Case(
        "a reference to no model", (task("a", output={"model": "x"}),), "task a: output: 'x' is no reference to a model"
    ),
    Case(
        "a schema too deep for anybody",
        (task("a", output=deep(11)),),
        "task a: output: no provider takes a schema this large: 11 levels of nesting, the limit is 10",
    ),
    Case(
        "too many properties for anybody",
        (task("a", output={"type": "object", "properties": {f"p{n}": {} for n in range(5001)}}),),
        "5,001 properties, the limit is 5,000",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_forms(case: Case) -> None:
    """A schema that is none, or that no provider takes, is reported."""  # U-01 L-34
    assert_refused(case)


WARNINGS = [
    Case(
        "a schema too deep for some",
        (task("a", output=deep(6)),),
        "task a: output: some providers refuse a schema this large: 6 levels of nesting, the limit is 5",
    ),
    Case(
        "too many properties for some",
        (task("a", output={"type": "object", "properties": {f"p{n}": {} for n in range(101)}}),),
        "101 properties, the limit is 100",
    ),
]


@pytest.mark.parametrize("case", WARNINGS, ids=lambda case: case.id)
def test_forms_warnings(case: Case) -> None:
    """What is odd but can run is a warning, and no error."""  # L-34
    assert_warned(case)
