"""A run that the server's API starts completes on a real worker."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentic_prefect.cli.worker import worker_process
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from tests import patient

# A worker takes up whatever is in its pool, and several tests share the usual one.
pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("pool")]

TIMEOUT_S = 180.0
POOL = "agentic"


@pytest.fixture(scope="module")
def deployed(repository: Path, prefect_server: str) -> str:
    """The server's API address, once everything in `deployments/prefect.yaml` has been deployed to it."""
    made = patient.post(f"{prefect_server}/work_pools/", json={"name": POOL, "type": "process"})
    assert made.status_code in (201, 409), made.text
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    done = subprocess.run(
        [*prefect, "deploy", "--all", "--prefect-file", "deployments/prefect.yaml"],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return prefect_server


@pytest.fixture
def worker(
    deployed: str, openai_env: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A worker on the pool, whose runs reach the scripted model; gives its log."""
    log = tmp_path / "worker.log"
    environment = {
        **os.environ,
        "PREFECT_API_URL": deployed,
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_INTEGRATIONS_AGENTIC_MODEL": "openai/scripted",
        "PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_DEPLOYMENTS": '["far/*"]',
    }
    monkeypatch.chdir(tmp_path)
    with worker_process(environment, log, pool=POOL):
        yield log


@pytest.mark.slow
def test_runs_made_through_the_api_complete_on_the_worker(
    deployed: str, worker: Path, openai_env: ScriptedServer
) -> None:
    """A stored plan with inputs, a plan given as text, and a flow written in Python all complete on the worker."""
    # CT-05, CT-11
    openai_env.on("Greet", Reply.text("Hello"))
    text = "name: tiny\ninputs: {who: {type: string}}\ntasks: [{id: greet, description: 'Greet {{ inputs.who }}'}]\n"
    runs = {
        "stored": _start(deployed, "run-plan/any-plan", {"plan": "research", "inputs": {"query": "night trains"}}),
        "text": _start(deployed, "run-plan/any-plan", {"plan": text, "inputs": {"who": "Ada"}}),
        "flow": _start(deployed, "digest/digest", {"text": "A long text."}),
    }

    states = {name: _final_state(deployed, run, worker) for name, run in runs.items()}

    assert states == dict.fromkeys(runs, "COMPLETED"), worker.read_text()[-4000:]
    assert openai_env.requests_matching("night trains")
    assert openai_env.requests_matching("Greet Ada")
    assert _run(deployed, runs["text"])["name"] == "tiny"


@pytest.mark.slow
def test_a_failed_run_is_retried_and_resumed_without_paying_twice(
    deployed: str, worker: Path, openai_env: ScriptedServer
) -> None:
    """Retry in the UI serves the finished task from the store, and so does `resume`, as a new run on the worker."""
    # F-44, U-05
    text = (
        "name: pair\ntasks:\n- {id: one, description: First}\n"
        "- {id: two, description: 'Second after {{ tasks.one.output }}'}\n"
    )
    openai_env.on("First", Reply.text("the first"))
    openai_env.on("Second", Fault.status(400), Fault.status(400), Reply.text("the second"))
    run = _start(deployed, "run-plan/any-plan", {"plan": text})
    failed = _final_state(deployed, run, worker)

    scheduled = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
    retried = patient.post(f"{deployed}/flow_runs/{run}/set_state", json={"state": scheduled})
    failed_again = _final_state(deployed, run, worker)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("agentic-prefect")), "resume", run, "--budget", "calls=5"],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    resumed = re.findall(r"Run (\S+) goes on from", done.stdout)[0]
    completed = _final_state(deployed, resumed, worker)

    assert retried.json()["status"] == "ACCEPT"
    assert (failed, failed_again, completed) == ("FAILED", "FAILED", "COMPLETED"), worker.read_text()[-4000:]
    assert done.returncode == 0, done.stderr
    assert (len(openai_env.requests_matching("First")), len(openai_env.requests_matching("Second"))) == (1, 3)
    parameters = _run(deployed, resumed)["parameters"]
    assert (parameters["resume"], parameters["budget"]) == (run, {"calls": 5})


@pytest.mark.slow
def test_a_run_that_is_cancelled_in_the_ui_looks_cancelled(
    deployed: str, worker: Path, openai_env: ScriptedServer
) -> None:
    """Its tasks in flight, the one that waits for a retry, the sub-plan and the run of a deployment are Cancelled;
    nothing is Crashed.
    """
    # C-10
    text = (
        "name: stall\ntasks:\n- {id: one, description: First}\n- {id: two, description: Second, depends_on: one}\n"
        "- {id: waits, description: Waits, depends_on: two, retry: {base_s: 60, jitter_ratio: 0}}\n"
        "- {id: stays, description: Stays, depends_on: one}\n"
        "- {id: nest, kind: plan, plan: {name: inner, tasks: [{id: deep, description: Deep}]}}\n"
        "- {id: far, kind: deployment, call: far/nobody, depends_on: one}\n"
    )
    _deploy_for_nobody(deployed, "far", "nobody")
    openai_env.on("Waits", Fault.status(500))
    openai_env.on("Stays", Reply.hold())
    openai_env.on("Deep", Reply.hold())
    run = _start(deployed, "run-plan/any-plan", {"plan": text})
    openai_env.wait_for_requests(5, timeout_s=TIMEOUT_S)
    _wait_for(lambda: _task_states(deployed, run).get("waits") == "AwaitingRetry", worker)
    _wait_for(lambda: "far: nobody" in _task_states(deployed, run), worker)

    patient.post(f"{deployed}/flow_runs/{run}/set_state", json={"state": {"type": "CANCELLING"}})
    state = _final_state(deployed, run, worker)
    over = {"Completed", "Cancelled"}
    _wait_for(lambda: over.issuperset(_task_states(deployed, run).values()), worker)
    states = _task_states(deployed, run)
    inner = next(name for name in states if name.startswith("agentic-plan"))

    assert state == "CANCELLED"
    assert states == {
        "one": "Completed", "two": "Completed", "waits": "Cancelled", "stays": "Cancelled", "nest": "Cancelled",
        inner: "Cancelled", "far": "Cancelled", "far: nobody": "Cancelled",
    }  # fmt: skip


def test_the_deployments_are_as_the_file_says(deployed: str, repository: Path) -> None:
    """Every deployment of the file is there, with its schedule, and its form describes each parameter."""  # CT-11
    written = yaml.safe_load((repository / "deployments" / "prefect.yaml").read_text())
    names = [each["name"] for each in written["deployments"]]
    found = {each["name"]: each for each in patient.post(f"{deployed}/deployments/filter", json={}).json()}
    schedules = [each["schedule"]["cron"] for each in found["morning-triage"]["schedules"]]
    fields = found["any-plan"]["parameter_openapi_schema"]["properties"]

    assert set(names) <= set(found)
    assert schedules == ["0 7 * * 1-5"]
    assert all(field.get("description") for field in fields.values()), json.dumps(fields)


def test_a_parameter_of_the_wrong_type_is_refused_before_any_run(deployed: str) -> None:
    """The server itself turns down a value that the form would not take."""
    deployment = patient.get(f"{deployed}/deployments/name/run-plan/any-plan").json()["id"]

    answer = patient.post(
        f"{deployed}/deployments/{deployment}/create_flow_run",
        json={"parameters": {"max_concurrency": "many"}},
    )

    assert answer.status_code == 409


def _deploy_for_nobody(api_url: str, flow: str, name: str) -> None:
    """A deployment whose runs nobody takes up."""
    flow_id = patient.post(f"{api_url}/flows/", json={"name": flow}).json()["id"]
    patient.post(f"{api_url}/deployments/", json={"flow_id": flow_id, "name": name}).raise_for_status()


def _start(api_url: str, name: str, parameters: dict[str, Any]) -> str:
    deployment = patient.get(f"{api_url}/deployments/name/{name}").json()["id"]
    answer = patient.post(f"{api_url}/deployments/{deployment}/create_flow_run", json={"parameters": parameters})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _run(api_url: str, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = patient.get(f"{api_url}/flow_runs/{run_id}").json()
    return found


def _final_state(api_url: str, run_id: str, log: Path) -> str:
    deadline = time.monotonic() + TIMEOUT_S
    going_on = ("SCHEDULED", "PENDING", "RUNNING", "CANCELLING")
    while (state := _run(api_url, run_id)["state_type"]) in going_on:
        assert time.monotonic() < deadline, f"the run is still {state}:\n{log.read_text()[-4000:]}"
        time.sleep(0.5)
    return str(state)


def _wait_for(holds: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.5)


def _task_states(api_url: str, run_id: str) -> dict[str, str]:
    answer = patient.post(f"{api_url}/task_runs/filter", json={"flow_runs": {"id": {"any_": [run_id]}}})
    return {each["name"]: each["state_name"] for each in answer.json()}
