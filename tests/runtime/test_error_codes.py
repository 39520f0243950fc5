"""Errors that no provider sends: each is data with its own code, and looks so in Prefect."""

from typing import Any

import pytest

from agentic_prefect.errors import (
    AgenticError,
    BudgetExceeded,
    CapabilityFailed,
    HumanRejected,
    HumanTimedOut,
    MaxRetriesExceededError,
    PlanInvalid,
    Runaway,
    VerificationFailed,
)
from agentic_prefect.ports import Work
from agentic_prefect.testing.builders import make_plan
from tests.runtime.conftest import Bench, task_runs

pytestmark = pytest.mark.prefect

RAISED: dict[str, Exception] = {
    "verification_failed": VerificationFailed("no"),
    "capability_error": CapabilityFailed("no"),
    "budget_exceeded": BudgetExceeded("no"),
    "runaway": Runaway("no"),
    "human_rejected": HumanRejected("no"),
    "human_timeout": HumanTimedOut("no"),
    "max_retries_exceeded": MaxRetriesExceededError("no"),
    "plan_invalid": PlanInvalid("no"),
    "unexpected": ValueError("no"),
}


async def test_each_error_has_its_own_end(bench: Bench) -> None:
    """Only what verification found is tried again; the state's message names the code, and nothing else starts."""
    # F-14 F-20 F-24
    tasks: list[dict[str, Any]] = [{"id": name, "retries": 1, "retry": {"backoff": "none"}} for name in RAISED]
    tasks += [{"id": f"after_{name}", "depends_on": name} for name in RAISED]

    async def fail(work: Work) -> None:
        raise RAISED[work.task_id]

    behaviours: dict[str, Any] = dict.fromkeys(RAISED, fail)
    result = await bench.run(make_plan(*tasks, max_concurrency=20), **behaviours)
    runs = await task_runs(result.run_id, 2 * len(RAISED))
    messages = {name: run.state.message for name, run in runs.items() if run.state and name in RAISED}

    again = "max_retries_exceeded: All 2 attempts failed. The last one: verification_failed: no"
    assert messages == {name: f"{name}: no" for name in RAISED} | {"verification_failed": again}
    assert {name: each.error.type for name, each in result.results.items() if each.error} == {
        name: type(error).__name__ for name, error in RAISED.items()
    } | {"verification_failed": "MaxRetriesExceededError"}
    assert sorted(bench.kind.calls) == sorted([*RAISED, "verification_failed"])
    assert {run.state_name for name, run in runs.items() if name.startswith("after_")} == {"Skipped"}


@pytest.mark.parametrize("error", [error for error in RAISED.values() if isinstance(error, AgenticError)])
def test_the_table_is_right(error: AgenticError) -> None:
    """Each error stands under its own code."""
    assert RAISED[error.code] is error
