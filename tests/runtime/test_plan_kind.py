"""Sub-plans on a real Prefect server."""

import asyncio
from typing import Any

import pytest

from agentic_prefect.models.usage import Usage
from agentic_prefect.ports import Work
from agentic_prefect.testing.builders import make_plan
from tests.runtime.conftest import Bench

pytestmark = [pytest.mark.prefect]

INNER: dict[str, Any] = {"name": "inner", "tasks": [{"id": "deep", "description": "x"}]}


async def test_what_a_sub_plan_spent_counts_however_it_ends(bench: Bench) -> None:
    """A sub-plan that its task's time cuts off, and one that completes, are both paid for."""

    async def spend(work: Work) -> str:
        work.trail.spent(Usage(input_tokens=3, calls=1))
        if bench.kind.calls.count("deep") == 1:
            await asyncio.Event().wait()
        return "fine"

    patient = {"timeout": {"retry": 1, "base_s": 0, "timeout_factor": 40}}
    task = {"id": "nest", "kind": "plan", "plan": INNER, "timeout_s": 3, "failure_policy": patient}
    result = await bench.run(make_plan(task), deep=spend)

    assert (result.output, result.results["nest"].attempts) == ("fine", 2)
    assert (result.usage.calls, result.usage.input_tokens) == (2, 6)
