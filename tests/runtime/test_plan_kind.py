"""Sub-plans on a real Prefect server."""

import asyncio
from typing import Any

import pytest

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
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

    patient = {"timeout": {"retry": 1, "base_s": 0, "timeout_factor": 8}}
    task = {"id": "nest", "kind": "plan", "plan": INNER, "timeout_s": 8, "failure_policy": patient}
    result = await bench.run(make_plan(task), deep=spend)

    assert (result.output, result.results["nest"].attempts) == ("fine", 2)
    assert (result.usage.calls, result.usage.input_tokens) == (2, 6)


async def test_inputs_larger_than_prefect_takes(bench: Bench) -> None:
    """A sub-plan, or a plan, whose inputs are too large for a flow run says how large they may be, and the way out."""
    inner = {"name": "small", "inputs": {"t": {"type": "string"}}, "tasks": [{"id": "x", "description": "X"}]}
    plan = make_plan(
        {"id": "big"}, {"id": "sub", "kind": "plan", "plan": inner, "input": {"t": "{{ tasks.big.output }}"}}
    )

    async def big(_: Work) -> str:
        return "x" * 600_000

    result = await bench.run(plan, big=big)
    error = result.results["sub"].error
    with pytest.raises(PlanInvalid) as refused:
        await bench.run(Plan.model_validate(inner), {"t": "x" * 600_000})

    assert error is not None
    for said in (error.message, str(refused.value)):
        assert said.startswith("The plan 'small' and its inputs take 600,")
        assert "less than 524,288 bytes of parameters" in said
        assert "have a `function` task read it" in said
        assert "xxx" not in said
    assert error.code == "plan_invalid"
