"""Cases of plans with one fault each, and what is to be said about them."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.plans.validate import check_plan, validate_plan
from agentic_prefect.plans.validation.subject import Known
from agentic_prefect.testing.builders import make_plan

SEARCHES = {
    "type": "object",
    "properties": {
        "searches": {"type": "array", "items": {"$ref": "#/$defs/search"}},
        "note": {"type": ["string", "null"]},
        "extra": {"type": "object"},
    },
    "$defs": {"search": {"type": "object", "properties": {"query": {"type": "string"}}, "additionalProperties": False}},
}


def task(task_id: str, **fields: Any) -> dict[str, Any]:
    """A task's fields."""
    return {"id": task_id, **fields}


A = task("a", output=SEARCHES)
TEXT = task("t")
NOTHING_KNOWN = Known()


@dataclass(frozen=True)
class Case:
    id: str
    tasks: tuple[dict[str, Any], ...]
    expected: str
    plan: dict[str, Any] = field(default_factory=dict)
    known: Known = NOTHING_KNOWN


def plan_of(case: Case) -> Plan:
    """The plan that a case describes; a copy, since a case is used more than once."""
    return make_plan(*(dict(fields) for fields in case.tasks), **case.plan)


def assert_refused(case: Case) -> None:
    """The plan is refused for the one fault it has, and for nothing else."""
    problems = validate_plan(plan_of(case), known=case.known)
    with pytest.raises(PlanProblems) as caught:
        check_plan(plan_of(case), known=case.known)

    assert [case.expected in str(problem) for problem in problems] == [True], [str(problem) for problem in problems]
    assert case.expected in str(caught.value)


def assert_warned(case: Case) -> None:
    """The plan can run, and one thing about it is odd."""
    warnings = check_plan(plan_of(case), known=case.known)

    assert [problem.severity for problem in warnings] == ["warning"]
    assert case.expected in str(warnings[0])
