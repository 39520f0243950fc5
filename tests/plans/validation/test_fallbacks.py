"""Circles, and fallbacks that could never be called upon."""

import pytest

from agentic_prefect.plans.validation.subject import Known
from tests.plans.validation.cases import Case, assert_refused, task

CASES = [
    Case(
        "a circle",
        (task("a", after="b"), task("b", after="c"), task("c", after="a")),
        "task a: the tasks wait for each other in a circle: a -> b -> c -> a",
    ),
    Case(
        "a fallback that can never trigger",
        (task("a", on_failure={"fallback": "f"}), task("x", depends_on="a"), task("f", after="x")),
        "a fallback could never run, since the tasks wait for each other: a -> f -> x -> a",
    ),
    Case(
        "a condition on its own fallback",
        (task("a", on_failure={"fallback": "f"}, when="{{ tasks.f.failed }}"), task("f")),
        "a fallback could never run",
    ),
    Case(
        "a task that falls back to itself",
        (task("a", on_failure={"fallback": "a"}),),
        "task a: on_failure: task 'a' falls back to itself",
    ),
    Case(
        "a chain that repeats itself",
        (task("a", on_failure={"fallback": ["f", "f"]}), task("f")),
        "task a: on_failure: the chain names 'f' 2 times",
    ),
    Case(
        "what follows a chain",
        (task("a", on_failure={"fallback": "f", "then": {"ask_human": {"fallback": ["g"]}}}), task("f")),
        "task a: on_failure.then: there is no task 'g'",
    ),
    Case(
        "a fallback that needs a success",
        (task("a", failure_policy={"timeout": {"fallback": "f"}}), task("f", depends_on="a")),
        "task f: depends_on: it stands in for 'a' and needs its success",
    ),
    Case(
        "a fallback that looks at one of two",
        (
            task("a", on_failure={"fallback": "f"}),
            task("b", on_failure={"fallback": "f"}),
            task("f", input="{{ tasks.b.error }}"),
        ),
        "task f: it stands in for 'a', 'b' and looks at 'b'",
    ),
    Case(
        "two answers to a failure",
        (task("a", on_failure="continue", failure_policy={"default": "abort"}),),
        "`on_failure` is never reached",
    ),
    Case(
        "a rule for what halts anyway",
        (task("a", failure_policy={"critical": "continue"}),),
        "task a: failure_policy.critical: a critical error always halts",
    ),
    Case(
        "a question to nobody",
        (task("a", failure_policy={"authentication": "ask_human"}),),
        "task a: failure_policy.authentication: nobody can be asked here",
        known=Known(humans=False),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_fallbacks(case: Case) -> None:
    """What could never start, end or be asked is reported."""  # U-01 D-01
    assert_refused(case)
