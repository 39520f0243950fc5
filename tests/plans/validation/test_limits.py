"""Limits that contradict each other."""

import pytest

from tests.plans.validation.cases import Case, assert_refused, assert_warned, task

CASES = [
    Case(
        "a first wait longer than the longest",
        (task("a", retry={"base_s": 99}),),
        "task a: retry: the first wait (base_s=99) is longer than the longest (max_s=60)",
    ),
    Case(
        "so in a rule",
        (task("a", failure_policy={"timeout": {"max_s": 0.5}}),),
        "task a: failure_policy.timeout: the first wait (base_s=1) is longer than the longest (max_s=0.5)",
    ),
    Case(
        "a model that is never asked",
        (task("a", failure_policy={"refusal": {"retry": 1, "model": ["b", "c"]}}),),
        "task a: failure_policy.refusal.model: only 1 of its 2 models are ever asked: with 1 more attempts",
    ),
    Case(
        "nor when the attempts end before",
        (task("a", failure_policy={"server": {"max_attempts": 2, "model": "b", "model_after": 2}}),),
        "task a: failure_policy.server.model: none of its models is ever asked: with 1 more attempts",
    ),
    Case(
        "a time limit of plans on a task",
        (task("a", budget={"wall_s": 9}),),
        "task a: budget.wall_s: a task has no limit of this kind",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_limits(case: Case) -> None:
    """Limits that cannot both hold are reported."""  # U-01
    assert_refused(case)


WARNINGS = [
    Case(
        "a limit without a fan-out",
        (task("a", max_concurrency=2),),
        "task a: max_concurrency: it limits the items of a fan-out, and there is no `for_each`",
    ),
    Case(
        "a limit above the plan's",
        (task("a", for_each=[1], max_concurrency=99),),
        "the plan runs at most 10 tasks at once",
    ),
    Case(
        "a budget above the plan's",
        (task("a", budget={"calls": 9}),),
        "task a: budget.calls: 9 is more than the plan's 5",
        {"budget": {"calls": 5}},
    ),
    Case(
        "turns where no model is asked",
        ({"id": "a", "kind": "human", "description": "Fine?", "max_turns": 2},),
        "task a: max_turns: it limits how often a model is asked, and kind 'human' asks none",
    ),
    Case(
        "a model where none is asked",
        ({"id": "a", "kind": "human", "description": "Fine?", "failure_policy": {"timeout": {"model": "b"}}},),
        "task a: failure_policy.timeout.model: kind 'human' asks no model",
    ),
    Case(
        "a count of nothing",
        (task("a", failure_policy={"timeout": {"model_after": 2}}),),
        "`model_after` says when another model is asked, and no `model` is named",
    ),
    Case(
        "a repair of what is no answer",
        (task("a", failure_policy={"timeout": {"repair": 1}}),),
        "`repair` means something for `invalid_output` and `verification_failed` only",
    ),
]


@pytest.mark.parametrize("case", WARNINGS, ids=lambda case: case.id)
def test_limits_warnings(case: Case) -> None:
    """What is odd but can run is a warning, and no error."""  # U-01
    assert_warned(case)
