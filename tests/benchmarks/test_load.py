"""A plan on PostgreSQL and Redis, with two API servers and three workers."""

import os

import pytest

from benchmarks.cluster import lacking
from benchmarks.load import measure, plan_of

RUNS, TASKS = 3, 6


def test_the_plan_has_as_many_tasks_as_it_should() -> None:
    """One begins, one ends, the others are at once between them."""
    plan = plan_of(20)

    assert len(plan["tasks"]) == 20
    assert plan["tasks"][-1]["depends_on"] == [f"part_{number}" for number in range(18)]


@pytest.mark.slow
@pytest.mark.skipif(
    bool(lacking()) and not os.environ.get("AGENTIC_PREFECT_REQUIRE_SERVICES"),
    reason=f"not installed here: {lacking()}",
)
def test_no_run_is_lost_and_no_task_is_paid_twice() -> None:
    """Runs that are made at both API servers complete on the workers, and each task asks the model once."""
    found = measure(runs=RUNS, tasks=TASKS, api_servers=2, workers=3, batches=True)

    assert found["states"] == {"COMPLETED": RUNS}
    assert (found["requests"], found["requests_doubled"]) == (RUNS * TASKS, 0)
    assert found["task_runs_known"] == RUNS * TASKS
