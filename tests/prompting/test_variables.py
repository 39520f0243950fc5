"""What a template says of its variables."""

from typing import Any

import pytest
from pydantic import ValidationError

from agentic_prefect.prompting.variables import Variable, fits


@pytest.mark.parametrize(
    ("written", "required"),
    [
        (None, True),
        ("string", True),
        ({"type": "string"}, True),
        ({"default": "x"}, False),
        ({"default": None}, False),
        ({"required": False}, False),
    ],
)
def test_a_variable_without_a_default_is_required(written: Any, required: bool) -> None:
    """Unless it says otherwise."""
    assert Variable.model_validate(written).is_required is required


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({"type": "text"}, "'string', 'integer'"),
        ({"type": "integer", "default": "three"}, "'three' is not of the type integer"),
        ({"default": 1, "required": True}, "leave out one of the two"),
    ],
)
def test_a_variable_that_contradicts_itself_is_refused(written: Any, problem: str) -> None:
    """The message says what contradicts what."""
    with pytest.raises(ValidationError, match=problem):
        Variable.model_validate(written)


@pytest.mark.parametrize(
    ("value", "types"),
    [
        ("a", {"string"}),
        (1, {"integer", "number"}),
        (1.5, {"number"}),
        (True, {"boolean"}),
        ([1], {"array"}),
        ((1,), {"array"}),
        ({"a": 1}, {"object"}),
        (None, set[str]()),
    ],
)
def test_fits(value: object, types: set[str]) -> None:
    """A truth is no number, text is no array, and anything is any."""
    every = ("string", "integer", "number", "boolean", "array", "object", "any")

    assert {wanted for wanted in every if fits(value, wanted)} == types | {"any"}
