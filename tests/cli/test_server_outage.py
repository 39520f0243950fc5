"""The Prefect server goes away in the middle of a run, and comes back."""

import asyncio
import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import httpx

from agentic_prefect.models.result import PlanResult
from agentic_prefect.testing import Reply, ScriptedServer
from tests import patient
from tests.cli.conftest import PROGRAM
from tests.prefect_server import ensure_started, free_port, kill, stop
from tests.runtime.conftest import eventually

ALLOWED = "PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_DEPLOYMENTS"
STEPS = 8


def test_the_server_dies_and_returns(tmp_path: Path, openai_env: ScriptedServer) -> None:
    """Killed while a task runs, back on its database when all are done: the run completes, no call is made twice, and
    in the end the server knows each task and has the report. A run elsewhere that is waited for is asked about again,
    and a task with tags, which the server has to let begin, begins when it is back.
    """
    # U-05
    home, api_url = tmp_path / "server", f"http://127.0.0.1:{free_port()}/api"
    tasks = [
        {"id": f"t{number}", "description": f"Step {number}.", "depends_on": [f"t{number - 1}"] if number else []}
        for number in range(STEPS)
    ]
    tasks.append({"id": "tagged", "description": "Tagged.", "depends_on": [f"t{STEPS - 1}"], "tags": ["outage"]})
    far = {"id": "far", "kind": "deployment", "call": "far/away", "on_failure": "continue"}
    texts = [task["description"] for task in tasks]
    plan, out = tmp_path / "chain.json", tmp_path / "result.json"
    plan.write_text(json.dumps({"name": "chain", "tasks": [*tasks, far]}))
    openai_env.on("Step 2.", Reply.hold())
    ensure_started(home, api_url=api_url, owner_pid=os.getpid())
    try:
        _deploy(api_url, "far", "away")
        process = subprocess.Popen(
            [str(PROGRAM), "run", str(plan), "--model", "openai/scripted", "-o", str(out), "-q"],
            cwd=tmp_path,
            env={**os.environ, "PREFECT_API_URL": api_url, ALLOWED: '["far/*"]'},
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        openai_env.wait_for_requests(3, timeout_s=90)
        elsewhere = asyncio.run(_run_of(api_url, "far"))
        kill(home)
        openai_env.release()
        openai_env.wait_until(lambda tally: tally.answered == STEPS, timeout_s=90)
        ensure_started(home, api_url=api_url, owner_pid=os.getpid())
        cancelled = {"type": "CANCELLED", "message": "by hand"}
        patient.post(f"{api_url}/flow_runs/{elsewhere}/set_state", json={"state": cancelled, "force": True})
        _, told = process.communicate(timeout=150)
        result = PlanResult.model_validate_json(out.read_text())
        states = asyncio.run(_states(api_url, result.run_id))
        run = patient.get(f"{api_url}/flow_runs/{result.run_id}").json()
        report = patient.get(f"{api_url}/artifacts/plan-report/latest").json()
    finally:
        stop(home)
    asked = Counter(text for each in openai_env.requests for text in texts if text in each.prompt_text)

    assert process.returncode == 0, told
    assert asked == dict.fromkeys(texts, 1)
    assert states == {task["id"]: "COMPLETED" for task in tasks}
    assert run["state_type"] == "COMPLETED"
    assert "10 tasks: 9 completed, 1 failed" in report["data"]
    error = result.results["far"].error
    assert error is not None
    assert "of deployment 'far/away' ended Cancelled: by hand." in error.message


def _deploy(api_url: str, flow: str, name: str) -> None:
    flow_id = patient.post(f"{api_url}/flows/", json={"name": flow}).json()["id"]
    patient.post(f"{api_url}/deployments/", json={"flow_id": flow_id, "name": name}).raise_for_status()


async def _run_of(api_url: str, flow: str) -> str:
    """The id of the run of a flow, once there is one."""

    async def look() -> str | None:
        asked = {"flows": {"name": {"any_": [flow]}}}
        async with httpx.AsyncClient(timeout=60, verify=False) as client:
            runs = (await client.post(f"{api_url}/flow_runs/filter", json=asked)).json()
        return runs[0]["id"] if runs else None

    return await eventually(look)


async def _states(api_url: str, run_id: str) -> dict[str, str]:
    """The states of all task runs by name, once all are final."""

    async def look() -> dict[str, str] | None:
        asked = {"flow_runs": {"id": {"any_": [run_id]}}}
        async with httpx.AsyncClient(timeout=60, verify=False) as client:
            runs = (await client.post(f"{api_url}/task_runs/filter", json=asked)).json()
        states = {each["name"]: each["state_type"] for each in runs if not each["name"].startswith("far")}
        return states if len(states) > STEPS and not {"PENDING", "RUNNING"} & {*states.values()} else None

    return await eventually(look)
