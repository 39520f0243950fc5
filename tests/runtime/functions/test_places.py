"""Plain functions in processes of this machine, on Dask and on Ray, each of them real."""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from agentic_prefect import PlanStatus, TaskStatus
from agentic_prefect.runtime.functions.places import Ray, Runner
from tests.runtime.conftest import task_runs
from tests.runtime.functions.conftest import FunctionsOn, calls, ran, told

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("functions")]


@pytest.fixture(scope="module")
def dask() -> Iterator[str]:
    """A Dask cluster of one process."""
    distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0") as cluster:
        yield f"dask:{cluster.scheduler_address}"


@pytest.fixture(scope="module")
def first_on_ray() -> Iterator[Runner]:
    """A task runner on a Ray cluster of this machine, which others join since it is there."""
    pytest.importorskip("prefect_ray", reason="the extra `ray` is not installed")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_AUTH_MODE", "disabled")  # which would write a token into the user's home
        runner = Ray().start()
        yield runner
        if import_module("ray").is_initialized():
            Ray().close(runner, at_work=())


@pytest.fixture
def ray(first_on_ray: Runner) -> str:
    """The place where that one is."""
    return "ray"


@pytest.fixture(params=["processes", "dask", "ray"])
def place(request: pytest.FixtureRequest) -> str:
    """Each place in turn."""
    return request.param if request.param == "processes" else request.getfixturevalue(request.param)


async def test_functions_run_elsewhere(
    place: str, functions_on: FunctionsOn, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output, errors, policies and logs are what they would be here, and the server shows what ran there."""
    functions_on(place)
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_REDACT", '["ours-[0-9]+"]')
    rules = {"Fussy": {"then": "continue"}, "default": {"then": "skip_dependents"}}
    result = await ran(
        calls("doubles", "doubled", input={"number": {"n": 4}}),
        calls("where", "place"),
        calls("stays", "place_async"),
        calls("tells", "tells"),
        calls("value", "bad_value"),
        calls("fussy", "bad_fussy"),
        calls("after", "doubled", input={"number": {"n": 1}}, depends_on=["fussy"]),
        defaults={"failure_policy": rules},
    )
    outputs: dict[str, Any] = {name: each.output for name, each in result.results.items()}
    process, run_id = outputs["where"]
    runs = await task_runs(result.run_id or "", 13)

    assert (outputs["doubles"], outputs["stays"], run_id) == ({"n": 8}, os.getpid(), result.run_id)
    assert process != os.getpid()
    assert outputs["tells"] == ["the key is [redacted], the code is [redacted]"]
    assert told(result, "value") == ("ValueError", "the key is [redacted]", "work.py")
    assert told(result, "fussy") == (
        "Fussy",
        "The function 'tests.runtime.functions.work:bad_fussy' raised Fussy: not like this",
        "work.py",
    )
    assert (result.results["after"].status, result.results["value"].attempts) == (TaskStatus.COMPLETED, 1)
    assert result.status is PlanStatus.PARTIAL_FAILURE
    elsewhere = {name: run.state_name for name, run in runs.items() if name.endswith(")")}
    assert elsewhere == {
        "doubled (doubles)": "Completed",
        "place (where)": "Completed",
        "tells (tells)": "Completed",
        "bad_value (value)": "Failed",
        "bad_fussy (fussy)": "Failed",
        "doubled (after)": "Completed",
    }
    assert {str(getattr(each, "id", "")) for each in runs["place (where)"].task_inputs["__parents__"]} == {
        str(runs["where"].id)
    }
    state = runs["bad_value (value)"].state
    assert state is not None
    assert state.message == "ValueError was raised; what it says stands in task 'value'."


def test_ray_ends_with_the_last_that_uses_it(first_on_ray: Runner) -> None:
    """A run that has started Ray and is over does not take it away from another in the same process."""
    is_there = import_module("ray").is_initialized
    second = Ray().start()
    seen: list[bool] = []
    for runner in (first_on_ray, second):
        Ray().close(runner, at_work=())
        seen.append(is_there())

    assert seen == [True, False]
