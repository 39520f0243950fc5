"""Plans of which some fields cannot be read."""

import pytest

from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.plans.remainder import load_whole

BAD_IN_MANY_WAYS = """
name: p
tasks:
  - {id: a, description: A, timeout_s: -1, on_failure: {fallback: [nowhere]}}
  - {id: b, description: "{{ tasks.a.output", retris: 3}
  - {id: c, description: C, depends_on: [d]}
  - {id: d, description: D, depends_on: [c]}
  - {id: d, description: D}
"""


def test_a_field_that_does_not_fit_hides_no_other_problem() -> None:
    """Every rule goes on with what can be read."""
    with pytest.raises(PlanProblems) as caught:
        load_whole(BAD_IN_MANY_WAYS, source="p.yaml")

    told = str(caught.value)
    assert len(caught.value.problems) == 6
    assert "task a: timeout_s: should be greater than 0" in told
    assert "task b: unknown field 'retris'. Did you mean 'retries'?" in told
    assert "task a: on_failure: there is no task 'nowhere'" in told
    assert "task b: description: " in told
    assert "task d: 2 tasks have the id 'd'" in told
    assert "circle" in told


@pytest.mark.parametrize(
    "text",
    [
        "name: p\ntasks: [{id: a, descripton: A}]",
        "name: p\nimputs: {x: {}}\ntasks: [{id: a, description: '{{ inputs.x }}'}]",
        "name: p\ntasks: [{id: a, description: A, output: 5}, {id: b, description: '{{ tasks.a.output.x }}'}]",
        "name: p\ntasks: [{id: 1a, description: A}, {id: b, description: '{{ tasks.1a.output }}'}]",
        "name: p\ntasks: [{id: a, description: A, checks: [{}]}, {description: B}]",
        "name: p\ntasks: 5",
    ],
)
def test_nothing_is_complained_of_that_follows_from_such_a_field(text: str) -> None:
    """Where other rules would stumble over what is missing, the field alone is told."""
    with pytest.raises(PlanProblems) as caught:
        load_whole(text, source="p.yaml")

    assert all(each.line is not None for each in caught.value.problems)
