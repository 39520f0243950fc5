"""What becomes of functions that run elsewhere: cut off, lost, asked for in vain, and never asked for."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect import PlanStatus, RunOptions, TaskStatus
from agentic_prefect.bootstrap import check
from agentic_prefect.errors import ErrorCode, PlanInvalid
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.runtime.functions.near import FunctionsElsewhere
from agentic_prefect.runtime.functions.places import place_of
from agentic_prefect.settings import AgenticSettings
from agentic_prefect.testing import make_plan
from tests.agents.conftest import make_work
from tests.runtime.conftest import task_runs
from tests.runtime.functions import work
from tests.runtime.functions.conftest import HERE, FunctionsOn, calls, ran, stopped_midway, told

pytestmark = pytest.mark.prefect

OWN = f"{HERE}:threads"


async def test_time_of_an_attempt_ends_the_function(
    functions_on: FunctionsOn, prefect_server: str, tmp_path: Path
) -> None:
    """The attempt is over when its time is up, and so is the function, which nobody waits for."""
    functions_on(OWN)
    marker = tmp_path / "marker"
    result = await ran(calls("x", "spins", input=str(marker), timeout_s=5, retries=0))

    assert told(result, "x")[:2] == ("TimedOut", "No result within 5 s (attempt 1).")
    assert marker.read_text() == "CancelledError"


async def test_stop_ends_processes(functions_on: FunctionsOn, prefect_server: str, tmp_path: Path) -> None:
    """A run that is stopped breaks off what a process does and ends it; the server shows that it was cancelled."""
    functions_on("processes")
    marker = tmp_path / "marker"
    result, process = await stopped_midway(marker)
    runs = await task_runs(result.run_id or "", 2)

    assert (result.status, marker.read_text()) == (PlanStatus.CANCELLED, "KeyboardInterrupt")
    assert {name: run.state_name for name, run in runs.items()} == {"x": "Cancelled", "spins (x)": "Cancelled"}
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_lost_process_is_tried_again(functions_on: FunctionsOn, prefect_server: str, tmp_path: Path) -> None:
    """A function whose process dies is retried as a lost connection is, in a new pool."""
    functions_on("processes")
    again = {"retries": 1, "retry": {"base_s": 0.01, "jitter_ratio": 0}}
    result = (await ran(calls("x", "dies", input=str(tmp_path / "marker"), **again))).results["x"]

    assert (result.status, result.attempts) == (TaskStatus.COMPLETED, 2)
    assert result.output != os.getpid()


async def test_place_is_no_part_of_the_key(functions_on: FunctionsOn, prefect_server: str) -> None:
    """What was done here is not done again elsewhere."""
    functions_on("threads")
    first = await ran(calls("x", "place"))
    functions_on(OWN)
    again = await ran(calls("x", "place"), options=RunOptions(resume=first.run_id or ""))

    assert (again.results["x"].cached, again.results["x"].output) == (True, [os.getpid(), first.run_id])


async def test_place_is_started_once_and_only_for_functions(functions_on: FunctionsOn, prefect_server: str) -> None:
    """Several functions, those of a sub-plan among them, share one place; a plan that calls none starts none."""
    functions_on(f"{HERE}:Counted")
    work.made.clear()
    await ran(calls("x", "place_async"))
    before = list(work.made)
    part = {"name": "part", "tasks": [calls("y", "place")], "result": "{{ tasks.y.output }}"}
    result = await ran(calls("x", "place"), {"id": "sub", "kind": "plan", "plan": part})
    outputs: dict[str, Any] = {name: each.output for name, each in result.results.items()}

    assert (before, work.made) == ([], ["started", "ended"])
    assert outputs["x"] == [os.getpid(), result.run_id]
    assert outputs["sub"][1] not in (None, result.run_id)


async def test_start_is_not_the_attempts_time(prefect_server: str) -> None:
    """The attempt's clock stands still while the place starts, and for that alone."""
    place = place_of(f"{HERE}:Counted", ["tests.runtime.functions"])
    assert place is not None
    functions = FunctionsElsewhere(place, allowed_packages=["tests.runtime.functions"])
    stood: list[str] = []

    @contextmanager
    def waiting(why: str) -> Generator[None]:
        work.made.clear()
        yield
        stood.extend(work.made)

    job = make_work(call=f"{HERE}:place", waiting=waiting)
    outputs = [await functions.call(job), await functions.call(job)]
    await functions.aclose()

    assert (stood, outputs) == (["started"], [[os.getpid(), None]] * 2)


async def test_place_that_cannot_be_reached(functions_on: FunctionsOn, prefect_server: str) -> None:
    """The error says which place it is, and is one that may pass."""
    pytest.importorskip("prefect_dask", reason="the extra `dask` is not installed")
    config = pytest.importorskip("dask.config")
    functions_on("dask:tcp://127.0.0.1:1")
    with config.set({"distributed.comm.timeouts.connect": "200ms"}):
        result = await ran(calls("x", "place", retries=0))
    error = result.results["x"].error

    assert error is not None
    assert error.code is ErrorCode.CONNECTION
    assert error.message.startswith("Functions run on Dask at tcp://127.0.0.1:1, which cannot be reached: ")


async def test_start_that_fails_is_shared(functions_on: FunctionsOn, prefect_server: str) -> None:
    """What waits for the same start fails with it, once for each attempt."""
    functions_on(f"{HERE}:Unreachable")
    work.made.clear()
    result = await ran(*(calls(name, "place", retries=0) for name in "abc"))

    assert [told(result, name)[:2] for name in "abc"] == [
        (
            "FunctionLost",
            f"Functions run on the task runner '{HERE}:Unreachable', which cannot be reached: nobody there",
        )
    ] * 3
    assert work.made == ["tried"]


@pytest.mark.parametrize(("extra", "module"), [("dask", "prefect_dask"), ("ray", "prefect_ray")])
async def test_missing_extra_is_told_before_the_run(
    extra: str, module: str, functions_on: FunctionsOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checking a plan and starting it both say what is to be installed; plans without functions are not concerned."""
    functions_on(extra)
    monkeypatch.setitem(sys.modules, module, None)
    package = module.replace("_", "-")
    message = f"functions_on is `{extra}`, and {package} is not installed: pip install 'agentic-prefect[{extra}]'"
    plan = make_plan(calls("x", "place"))
    part = {"name": "part", "tasks": [calls("y", "place")]}
    raised: list[tuple[str, str]] = []
    for task in (calls("x", "place"), {"id": "sub", "kind": "plan", "plan": part}):
        with pytest.raises(PlanProblems) as refused:
            await ran(task)
        raised += [(each.path, each.message) for each in refused.value.problems]

    assert raised == [("task x", message), ("task sub: plan: task y", message)]
    assert message in [each.message for each in check(plan)]
    assert check(make_plan({"id": "x", "kind": "human", "description": "Is it?"})) == ()


REFUSED = [
    ("served", "only do tasks that they serve"),
    ("KEY", "which is 'str' and no Prefect task runner"),
    ("no_such", "has no public 'no_such'"),
]


@pytest.mark.parametrize(("name", "message"), REFUSED, ids=[name for name, _ in REFUSED])
def test_own_task_runner_must_be_one(name: str, message: str, functions_on: FunctionsOn) -> None:
    """What is named is looked at before the run."""
    functions_on(f"{HERE}:{name}")
    problems = check(make_plan(calls("x", "place")))

    assert [message in each.message for each in problems] == [True]


@pytest.mark.parametrize("value", ["thread", "dask:", "processes:4", "package.module", "a b:c", ""])
def test_unknown_place_names_the_known(value: str, functions_on: FunctionsOn) -> None:
    """A place that is none is refused with those that there are."""
    functions_on(value)
    with pytest.raises(PlanInvalid) as raised:
        AgenticSettings()

    known = "threads, processes, dask, ray, dask:ADDRESS, ray:ADDRESS, or a Prefect task runner named as"
    assert f"functions_on is {value!r}, and functions run on: {known} package.module:name." in str(raised.value)
