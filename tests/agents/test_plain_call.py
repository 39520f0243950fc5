"""Calling a function by its name, where no event loop runs."""

import pytest

from agentic_prefect.agents.plain_call import call_plain
from agentic_prefect.errors import InvalidOutput, InvalidRequest, PlanInvalid

HERE = "tests.agents.functions"
ALLOWED = ("tests.agents",)


def test_function_is_called() -> None:
    """The input becomes arguments of the annotated types, and the output plain data; an async one is waited for."""
    assert call_plain(f"{HERE}:add", ALLOWED, {"a": "1", "b": 5}) == 6
    assert call_plain(f"{HERE}:numbers", ALLOWED, None) == [1.5, None, None]
    assert call_plain(f"{HERE}:later", ALLOWED, {"point": {"x": 1}}) == {"x": 2, "y": 0}


REFUSED = [
    ("os:getcwd", None, PlanInvalid, "A plan may not name 'os:getcwd'"),
    (f"{HERE}:add", {"c": 1}, InvalidRequest, "'a' is missing"),
    (f"{HERE}:place", None, PlanInvalid, "cannot be called. Name a function."),
]


@pytest.mark.parametrize(("reference", "given", "error", "message"), REFUSED, ids=["foreign", "misfit", "no function"])
def test_what_cannot_be_called(reference: str, given: object, error: type[Exception], message: str) -> None:
    """It is refused there as it would be here."""
    with pytest.raises(error) as raised:
        call_plain(reference, ALLOWED, given)

    assert message in str(raised.value)


def test_output_needs_a_json_form() -> None:
    """What has none does not travel; the message names the function."""
    with pytest.raises(InvalidOutput) as raised:
        call_plain(f"{HERE}:odd", ALLOWED, None)

    assert str(raised.value).startswith(f"The function '{HERE}:odd' returned 'dict', which has no JSON form")
