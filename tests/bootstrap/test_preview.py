"""What can be seen of a plan before it runs."""

import pytest

from agentic_prefect.bootstrap import RunOptions, prompt_of
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.testing.builders import make_plan

TRIP = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where to go"}},
    "required": ["city"],
}


def plan(**given: object) -> Plan:
    """A plan of one task with this input."""
    return make_plan({"id": "x", "description": "Go.", "input": given, "input_schema": TRIP})


def test_prompt_says_what_the_input_means() -> None:  # P-60
    """What a task's `input_schema` says about a field stands under its value."""
    text = prompt_of(plan(city="Rome"), "x", options=RunOptions(rehearse=True)).record.text

    assert text.endswith("## What the fields mean\n\n- `city` (string): Where to go")


def test_input_that_does_not_fit_its_schema_is_refused() -> None:
    """Before anything is sent, with the task, the field and the reason."""
    with pytest.raises(PlanInvalid, match=r"input of task 'x' does not fit its `input_schema`: .*'city' is a required"):
        prompt_of(plan(town="Rome"), "x", options=RunOptions(rehearse=True))
