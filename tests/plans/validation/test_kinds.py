"""What each kind of task must say."""

import pytest

from tests.plans.validation.cases import Case, assert_refused, task

CASES = [
    Case(
        "a function without a call",
        (task("a", kind="function"),),
        "task a: a task of kind 'function' needs `call`. Write `call: package.module:name`.",
    ),
    Case("a sub-plan without a plan", (task("a", kind="plan"),), "task a: a task of kind 'plan' needs `plan`"),
    Case(
        "a capability without a name",
        (task("a", kind="capability"),),
        "task a: a task of kind 'capability' needs `use`",
    ),
    Case(
        "an agent without work",
        (task("a", description=" "),),
        "task a: a task of kind 'agent' needs `description`. Say in `description` what is to be done.",
    ),
    Case(
        "a forgotten kind",
        (task("a", call="m:f"),),
        "task a: call: only kinds 'function' and 'deployment' read `call`, this task is of kind 'agent'. "
        "Set `kind: function`",
    ),
    Case(
        "a forgotten kind of a deployment",
        (task("a", call="report/city"),),
        "task a: call: only kinds 'function' and 'deployment' read `call`, this task is of kind 'agent'. "
        "Set `kind: deployment`",
    ),
    Case(
        "a deployment without a name",
        (task("a", kind="deployment"),),
        "task a: a task of kind 'deployment' needs `call`. Write `call: flow/deployment`, or the name alone of one "
        "that `agentic-prefect deploy` made.",
    ),
    Case(
        "a name that no deployment has",
        (task("a", kind="deployment", call="a/b/c"),),
        "task a: call: 'a/b/c' is no name of a deployment. Write `call: flow/deployment`",
    ),
    Case(
        "a call that is none",
        (task("a", kind="function", call="m.f"),),
        "task a: call: 'm.f' is no reference to a function",
    ),
    Case(
        "a broken sub-plan",
        (task("a", kind="plan", plan={"name": "s", "tasks": [{"id": "x", "retris": 1}]}),),
        "task a: plan: task x: unknown field 'retris'. Did you mean 'retries'?",
    ),
    Case(
        "a fault in a sub-plan",
        (task("a", kind="plan", plan={"name": "s", "tasks": [{"id": "x", "description": "{{ tasks.y.output }}"}]}),),
        "task a: plan: task x: description: there is no task 'y'",
    ),
    Case(
        "an input that a sub-plan lacks",
        (
            task(
                "a",
                kind="plan",
                input={"q": 1},
                plan={"name": "s", "inputs": {"qq": {"default": 1}}, "tasks": [{"id": "x", "description": "y"}]},
            ),
        ),
        "task a: input: the plan 's' has no input 'q'. Did you mean 'qq'?",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_kinds(case: Case) -> None:
    """A task that lacks what its kind reads, or has what it does not, is reported."""  # U-01
    assert_refused(case)
