"""Policy fields that are given outside of a plan."""

import pytest

from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.policy import Continue, FailureRule
from agentic_prefect.plans.given_policy import given_budget, given_policy, policy_value
from agentic_prefect.plans.problems import PlanProblems


def test_fields_are_written_as_in_a_plan() -> None:
    """Short forms are understood, and only what was given is set."""
    fields = given_policy(
        {"retries": 0, "on_failure": "continue", "failure_policy": {"ValueError": {"retry": 2}}}, source="here"
    )

    assert fields == PolicyFields(retries=0, on_failure=Continue(), failure_policy={"ValueError": FailureRule(retry=2)})
    assert fields.model_fields_set == {"retries", "on_failure", "failure_policy"}


FAULTS = [
    ({"retires": 1}, "here: there is no policy field 'retires'. Did you mean 'retries'?"),
    ({"description": "x"}, "here: there is no policy field 'description'. Known: model,"),
    ({"retries": 99}, "here: retries: should be less than or equal to 50, got 99."),
    (
        {"failure_policy": {"rate_limt": {"retry": 1}}},
        "here: failure_policy: there is no error code 'rate_limt'. Did you mean 'rate_limit'?",
    ),
    (
        {"failure_policy": {"timeout": {"retires": 1}}},
        "here: failure_policy.timeout: unknown field 'retires'. Did you mean 'retry'?",
    ),
    ({"on_failure": "contineu"}, "here: on_failure: there is no 'contineu'. Did you mean 'continue'?"),
    (
        {"on_failure": {"fallback": ["a"], "then": {"fallback": ["b"]}}},
        "no further fallback follows a fallback. Name all of them in one list.",
    ),
]


@pytest.mark.parametrize(("data", "message"), FAULTS, ids=[message for _, message in FAULTS])
def test_faults_are_named(data: dict[str, object], message: str) -> None:
    """What is wrong is said with what was meant."""
    with pytest.raises(PlanProblems) as caught:
        given_policy(data, source="here")

    assert message in str(caught.value)


def test_text_that_cannot_be_read() -> None:
    """A text that is no YAML is said to be none."""
    with pytest.raises(PlanProblems, match="here"):
        policy_value("{a: [", source="here")


def test_a_budget_is_written_as_in_a_plan() -> None:
    """Nothing given is no budget."""
    assert given_budget({"usd": 0.5, "calls": 20}, source="here") == Budget(usd=0.5, calls=20)
    assert given_budget({}, source="here") is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"used": 1}, "here: budget: unknown field 'used'. Did you mean 'usd'?"),
        ({"usd": 0}, "here: usd: should be greater than 0, got 0."),
        ({"calls": "many"}, "here: calls: should be a number,"),
    ],
)
def test_a_limit_that_will_not_do_is_named(given: dict[str, object], message: str) -> None:
    """With what would be right."""
    with pytest.raises(PlanProblems) as raised:
        given_budget(given, source="here")

    assert message in str(raised.value)
