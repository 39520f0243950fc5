"""What becomes of functions that run elsewhere: cut off, lost, asked for in vain, and never asked for."""

import os
import sys
from pathlib import Path

import pytest

from agentic_prefect import PlanStatus, RunOptions, TaskStatus
from agentic_prefect.bootstrap import check
from agentic_prefect.errors import ErrorCode, PlanInvalid
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.settings import AgenticSettings
from agentic_prefect.testing import make_plan
from tests.runtime.conftest import task_runs
from tests.runtime.functions.conftest import HERE, FunctionsOn, calls, ran, stopped_midway, told
from tests.runtime.functions.work import KEY

pytestmark = pytest.mark.prefect

OWN = f"{HERE}:threads"


async def test_time_of_an_attempt_ends_the_function(
    functions_on: FunctionsOn, prefect_server: str, tmp_path: Path
) -> None:
    """The attempt is over when its time is up, and so is the function, which nobody waits for."""
    functions_on(OWN)
    marker = tmp_path / "marker"
    result = await ran(calls("x", "spins", input=str(marker), timeout_s=0.5, retries=0))

    assert told(result, "x")[:2] == ("TimedOut", "No result within 0.5 s (attempt 1).")
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


async def test_secrets_stay_out_of_logs_elsewhere(
    functions_on: FunctionsOn, prefect_server: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What a function writes to the log of its run is masked where it runs."""
    functions_on(OWN)
    await ran(calls("x", "tells"))
    written = [each.getMessage() for each in caplog.records if each.name == "prefect.task_runs"]

    assert "the key is [redacted]" in written
    assert not any(KEY in each for each in written)


async def test_place_is_no_part_of_the_key(functions_on: FunctionsOn, prefect_server: str) -> None:
    """What was done here is not done again elsewhere."""
    functions_on("threads")
    first = await ran(calls("x", "place"))
    functions_on(OWN)
    again = await ran(calls("x", "place"), options=RunOptions(resume=first.run_id or ""))

    assert (again.results["x"].cached, again.results["x"].output) == (True, [os.getpid(), first.run_id])


async def test_plan_without_functions_starts_nothing(functions_on: FunctionsOn, prefect_server: str) -> None:
    """An address where nothing answers keeps no plan from running that calls no plain function."""
    functions_on("dask:tcp://127.0.0.1:1")
    result = await ran(calls("x", "place_async"))

    assert result.results["x"].output == os.getpid()


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
    with pytest.raises(PlanProblems) as raised:
        await ran(calls("x", "place"))

    assert [(each.path, each.message) for each in raised.value.problems] == [("task x", message)]
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
