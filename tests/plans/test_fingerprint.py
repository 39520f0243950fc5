"""What tells one state of a plan from another, and plans that bring their sub-plans along."""

import pytest

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.fingerprint import plan_hash, whole_plan
from agentic_prefect.plans.load import load_plan

TEXT = "name: one\ntasks: [{id: a, description: First.}]\n"
SAME = '{"tasks": [{"description": "First.", "id": "a"}], "name": "one", "schema_version": 1}'


def test_the_form_does_not_matter() -> None:
    """YAML and JSON with the same content have the same hash, and an edit has another."""
    assert plan_hash(load_plan(TEXT)) == plan_hash(load_plan(SAME))
    assert plan_hash(load_plan(TEXT)) != plan_hash(load_plan(TEXT.replace("First", "Second")))
    assert len(plan_hash(load_plan(TEXT))) == 64


def test_sub_plans_come_along() -> None:
    """A plan named by a task stands in it afterwards, with those that it names itself."""
    shelf = {
        "inner": load_plan("name: inner\ntasks: [{id: b, kind: plan, plan: innermost}]"),
        "innermost": load_plan("name: innermost\ntasks: [{id: c, description: Last.}]"),
    }
    plan = load_plan("name: outer\ntasks: [{id: a, kind: plan, plan: inner}]")

    whole = whole_plan(plan, shelf.__getitem__)
    inner = Plan.model_validate(whole.task("a").plan)
    innermost = Plan.model_validate(inner.task("b").plan)

    assert (inner.name, innermost.name) == ("inner", "innermost")
    assert whole_plan(whole, {}.__getitem__) == whole


def test_a_plan_that_contains_itself_is_refused() -> None:
    """A circle of plans ends with its name, not with the end of the stack."""
    plan = load_plan("name: snake\ntasks: [{id: a, kind: plan, plan: snake}]")

    with pytest.raises(PlanInvalid, match="'snake' seems to contain itself"):
        whole_plan(plan, lambda _: plan)
