"""Errors that no provider sends: each is data with its own code, and looks so in Prefect."""

from collections.abc import Callable
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
from agentic_prefect.models.intervention import Decision, Intervention
from agentic_prefect.ports import Opening, Work
from agentic_prefect.testing.builders import EPOCH, make_plan
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


async def test_another_try_keeps_what_went_wrong_before(bench: Bench) -> None:
    """The final error has the attempts before a person asked for another try, and those of a fallback once."""
    # F-50 A-Q1

    class Persistent:
        """Asks for another try once."""

        asked = 0

        async def ask(self, intervention: Intervention, told: Callable[[Opening | Decision], None]) -> Decision:
            self.asked += 1
            return Decision(action="retry" if self.asked == 1 else "fail", decided_at=EPOCH)

    codes = iter([RAISED["runaway"], RAISED["plan_invalid"]])

    async def fail(_: Work) -> None:
        raise next(codes)

    async def refuse(_: Work) -> None:
        raise RAISED["human_rejected"]

    bench.gate = Persistent()
    plan = make_plan({"id": "x", "on_failure": {"fallback": ["f"], "then": "ask_human"}}, {"id": "f"})
    error = (await bench.run(plan, x=fail, f=refuse)).results["x"].error

    assert error is not None
    assert [each.code for each in error.history] == ["runaway", "human_rejected", "plan_invalid"]
    assert bench.kind.calls == ["x", "f", "x"]
