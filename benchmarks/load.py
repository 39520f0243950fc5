"""Many runs of one plan over several workers and API servers, on PostgreSQL and Redis: none lost, none doubled.

python -m benchmarks.load --runs 200
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from agentic_prefect.testing import Reply, ScriptedServer
from benchmarks.cluster import POOL, Cluster, cluster, lacking

PATIENCE_S = 3_600.0
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def plan_of(tasks: int) -> dict[str, Any]:
    """A plan of so many tasks: one, then all the others at once, then one that needs them."""
    middle = [f"part_{number}" for number in range(tasks - 2)]
    work = [("begin", []), *((name, ["begin"]) for name in middle), ("end", middle)]
    return {
        "name": "load",
        "inputs": {"number": {"type": "integer"}},
        "tasks": [
            {
                "id": name,
                "description": f"Run {{{{ inputs.number }}}} task {name}",
                "model": "openai/scripted",
                "depends_on": before,
            }
            for name, before in work
        ],
    }


def measure(*, runs: int, tasks: int, api_servers: int, workers: int, batches: bool) -> dict[str, Any]:
    """Run the plan so often; what came of it.

    Raises:
        RuntimeError: What is needed is not installed, or it took too long.
    """
    if missing := lacking():
        raise RuntimeError(f"Not installed: {missing}")
    with ScriptedServer() as model:
        model.answer_by_default(Reply.text("done"))
        keys = {"OPENAI_API_KEY": "sk-load", "OPENAI_BASE_URL": model.base_url}
        with cluster(api_servers=api_servers, workers=workers, environment=keys, batches=batches) as found:
            started, cpu_before_s = time.monotonic(), found.server_cpu_s()
            states = _run_all(found, runs, tasks)
            elapsed_s, cpu_s = time.monotonic() - started, found.server_cpu_s() - cpu_before_s
            known = _task_runs(found, runs * tasks)
        asked = Counter(_piece_of(request.prompt_text) for request in model.requests)
    return {
        "runs": runs,
        "tasks_each": tasks,
        "api_servers": api_servers,
        "workers": workers,
        "recorder_batches": batches,
        "states": dict(Counter(states)),
        "requests": asked.total(),
        "requests_doubled": sum(count - 1 for count in asked.values()),
        "task_runs_known": known,
        "elapsed_s": round(elapsed_s, 1),
        "task_runs_per_s": round(runs * tasks / elapsed_s, 1),
        "server_cpu_ms_per_task_run": round(1000 * cpu_s / (runs * tasks), 1),
    }


def _run_all(found: Cluster, runs: int, tasks: int) -> Sequence[str]:
    plan = Path(found.environment["PREFECT_HOME"]) / "load.yaml"
    plan.parent.mkdir(parents=True, exist_ok=True)
    plan.write_text(yaml.safe_dump(plan_of(tasks)))
    deploy = [sys.executable, "-m", "agentic_prefect.cli", "deploy", str(plan), "--work-pool", POOL]
    done = subprocess.run(deploy, env=dict(found.environment), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the plan could not be deployed: {done.stderr}")
    with httpx.Client(timeout=60) as client:
        deployment = client.get(f"{found.api_urls[0]}/deployments/name/run-plan/load").json()["id"]
        ids = [
            client.post(
                f"{found.api_urls[number % len(found.api_urls)]}/deployments/{deployment}/create_flow_run",
                json={"parameters": {"inputs": {"number": number}}},
            ).json()["id"]
            for number in range(runs)
        ]
        deadline, states = time.monotonic() + PATIENCE_S, dict.fromkeys(ids, "")
        while time.monotonic() < deadline:
            for run in [run for run, state in states.items() if state not in FINAL]:
                states[run] = client.get(f"{found.api_urls[-1]}/flow_runs/{run}").json()["state_type"]
            if set(states.values()) <= FINAL:
                return list(states.values())
            time.sleep(1.0)
    raise RuntimeError(f"not all runs ended within {PATIENCE_S:g} s: {Counter(states.values())}")


def _task_runs(found: Cluster, wanted: int) -> int:
    """How many completed task runs the server knows, once they are all there or a minute brings no more."""
    wait_until, known = time.monotonic() + 60, -1
    with httpx.Client(timeout=60) as client:
        while time.monotonic() < wait_until and known < wanted:
            body = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
            now = int(client.post(f"{found.api_urls[0]}/task_runs/count", json=body).json())
            wait_until, known = (time.monotonic() + 60, now) if now > known else (wait_until, known)
            time.sleep(0.5)
    return known


def _piece_of(prompt: str) -> str:
    found = re.search(r"Run (\d+) task (\w+)", prompt)
    return found[0] if found else prompt[:80]


def main() -> None:
    """Measure with and without batches, and print both as JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=200)
    arguments.add_argument("--tasks", type=int, default=20)
    arguments.add_argument("--workers", type=int, default=3)
    arguments.add_argument("--api-servers", type=int, default=2)
    arguments.add_argument("--batches", choices=["with", "without", "both"], default="both")
    given = arguments.parse_args()
    for batches in {"with": [True], "without": [False], "both": [True, False]}[given.batches]:
        print(
            json.dumps(
                measure(
                    runs=given.runs,
                    tasks=given.tasks,
                    api_servers=given.api_servers,
                    workers=given.workers,
                    batches=batches,
                )
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
