"""Plans of functions, and where these run."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect import RunOptions, run_plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.runtime.stop import StopSignal
from agentic_prefect.testing import make_plan
from tests.runtime.conftest import eventually

HERE = "tests.runtime.functions.work"
FunctionsOn = Callable[[str], None]


@pytest.fixture
def functions_on(monkeypatch: pytest.MonkeyPatch) -> FunctionsOn:
    """Sets the place where functions run."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_PACKAGES", '["tests.runtime.functions"]')
    return lambda place: monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_FUNCTIONS_ON", place)


def calls(task_id: str, function: str, **fields: Any) -> dict[str, Any]:
    """A task that calls a function of `work`."""
    return {"id": task_id, "kind": "function", "call": f"{HERE}:{function}", **fields}


async def ran(
    *tasks: dict[str, Any], options: RunOptions | None = None, stop: StopSignal | None = None, **plan: Any
) -> PlanResult:
    """What becomes of a plan of these tasks."""
    return await run_plan(make_plan(*tasks, **plan), options=options, stop=stop)


async def stopped_midway(marker: Path) -> tuple[PlanResult, int]:
    """What becomes of a run that is stopped while its function works, and the process that this did so in."""
    stop = StopSignal()

    async def stops() -> int:
        process = await eventually(lambda: asyncio.to_thread(lambda: marker.exists() and marker.read_text()))
        stop.request("enough")
        return int(process)

    result, process = await asyncio.gather(ran(calls("x", "spins", input=str(marker)), stop=stop), stops())
    return result, process


def told(result: PlanResult, task_id: str) -> tuple[str, str, str]:
    """Type, message and innermost place of a task's error."""
    error = result.results[task_id].error
    assert error is not None
    return error.type, error.message, error.context.frames[-1].rpartition("/")[2].partition(":")[0]
