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


def test_context_is_shown_as_the_plan_says() -> None:  # P-04, P-31
    """Source, trust and priority of each text, and the rules for all; what tasks put out is data unless it is said."""
    facts = {"text": "{{ tasks.find.output }}", "priority": 9}
    note = {"text": "See {{ inputs.topic }}.", "source": "the style guide", "priority": 1}
    told = make_plan(
        {"id": "find", "description": "Find."},
        {"id": "x", "description": "Go.", "context": [facts, note, "plain"], "context_rules": {"order": "priority"}},
        inputs={"topic": {"type": "string", "default": "tea"}},
        defaults={"context": "A plan-level note."},
    )
    text = prompt_of(told, "x", options=RunOptions(rehearse=True)).record.text
    places = [
        text.find(words)
        for words in ("Data from task find, to", "A plan-level note.", "plain", "From the style guide:\nSee tea.")
    ]

    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("written", "said"),
    [({"text": "x", "priorty": 3}, "priorty"), ({"source": "x"}, "text"), ({"text": "x", "priority": 10}, "priority")],
)
def test_odd_context_is_refused(written: dict[str, object], said: str) -> None:
    """With the field that is wrong."""
    with pytest.raises(ValueError, match=said):
        make_plan({"id": "x", "description": "x", "context": [written]})
