"""Connections that a plan brings along."""

from dataclasses import replace

import pytest

from agentic_prefect.plans.validate import check_plan
from agentic_prefect.plans.validation.subject import Known
from tests.plans.validation.cases import Case, assert_refused, plan_of, task


def _with_key(case_id: str, variable: str, expected: str) -> Case:
    far = {"base_url": "https://models.example/v1", "api_key_env": variable}
    return Case(case_id, (task("a"),), f"models.far-off.api_key_env: {expected}", {"models": {"far-off": far}})


CASES = [
    _with_key(
        "a key of the platform",
        "PREFECT_API_KEY",
        "it may not read the variable 'PREFECT_API_KEY': those whose name begins with 'PREFECT_' hold what is "
        "Prefect's own, and no model's key. Keep the key in one such as FAR_OFF_API_KEY.",
    ),
    _with_key("as Prefect reads it, too", "prefect_API_KEY", "it may not read the variable 'prefect_API_KEY'"),
    _with_key(
        "a setting of ours", "PREFECT_INTEGRATIONS_AGENTIC_SOME_API_KEY", "it may not read the variable 'PREFECT_INT"
    ),
    _with_key(
        "a secret of another kind",
        "AWS_SECRET_ACCESS_KEY",
        "it may not read the variable 'AWS_SECRET_ACCESS_KEY': only those whose name ends in '_API_KEY' are handed to "
        "a connection. Keep the key in one such as FAR_OFF_API_KEY.",
    ),
]


FAR = _with_key(
    "a way that is not allowed",
    "FAR_API_KEY",
    "it may not send FAR_API_KEY to 'models.example': allowed are FAR_API_KEY@models.example.evil.test. If "
    "'FAR_API_KEY@models.example' is meant, allow it with the setting `allowed_keys`",
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_keys(case: Case) -> None:
    """A plan that would carry a secret away is refused before it runs."""
    assert_refused(case)


def test_a_key_goes_only_where_it_may() -> None:
    """Where the ways are known, one that is not among them is told of like any other fault."""
    assert_refused(replace(FAR, known=Known(allowed_keys=("FAR_API_KEY@models.example.evil.test",))))
    assert check_plan(plan_of(FAR), known=Known(allowed_keys=("FAR_*@*.example",))) == ()
