"""A fan-out over a deployment, taken up by several workers."""

import asyncio
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterName

from agentic_prefect import RunOptions, load_plan, run_plan
from agentic_prefect.blocks.plan_store import save_plan
from agentic_prefect.cli.worker import worker_process
from agentic_prefect.hosting.deploying import Wish, deploy
from agentic_prefect.testing import Reply, ScriptedServer
from tests import patient
from tests.runtime.conftest import eventually

TIMEOUT_S = 300.0
CITIES = [f"City {number}" for number in range(6)]
SUBMITTED = re.compile(r"submitting flow run '([0-9a-f-]{36})'")
ABORTED = re.compile(r"Aborted submission of flow run '([0-9a-f-]{36})'")
"""What a worker says whom the server told that another one has taken the run."""
INNER = """
name: {name}
inputs: {{city: {{type: string}}}}
tasks: [{{id: look, description: "Look at {{{{ inputs.city }}}}.", model: openai/scripted}}]
"""
OUTER = """
name: tour-{name}
inputs: {{cities: {{type: array, items: {{type: string}}}}}}
tasks:
- {{id: visit, kind: deployment, call: {name}, for_each: "{{{{ inputs.cities }}}}", input: {{city: "{{{{ item }}}}"}}}}
result: "{{{{ tasks.visit.outputs }}}}"
"""


@pytest.fixture
def workers(prefect_server: str, openai_env: ScriptedServer, tmp_path: Path) -> Iterator[tuple[str, list[Path]]]:
    """Two workers on a pool of their own, each for three runs at once; the pool and their logs."""
    pool = f"spread-{uuid4().hex[:6]}"
    patient.post(f"{prefect_server}/work_pools/", json={"name": pool, "type": "process"}).raise_for_status()
    environment = {**os.environ, "PREFECT_API_URL": prefect_server, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    logs = [tmp_path / f"worker-{number}.log" for number in range(2)]
    with ExitStack() as both:
        for log in logs:
            both.enter_context(worker_process(environment, log, pool=pool, limit=3))
        yield pool, logs


@pytest.mark.slow
async def test_two_workers_share_a_fan_out_whose_plan_is_killed(
    prefect_server: str, workers: tuple[str, list[Path]], openai_env: ScriptedServer, tmp_path: Path
) -> None:
    """Each item is one run and one request, though the plan's process is killed and another goes on from it."""
    pool, logs = workers
    name, plan_file = pool, tmp_path / "tour.yaml"
    inner = load_plan(INNER.format(name=name))
    stored, _ = save_plan(inner)
    await deploy(Wish(plan=inner, stored=stored, name=name, pool=pool))
    plan_file.write_text(OUTER.format(name=name))
    # Whoever takes three holds them, so that the other three are the other worker's.
    openai_env.on("Look at", Reply.hold(), Reply.hold(), Reply.hold(), Reply.text("seen"))
    given = f"cities={CITIES}".replace("'", '"')
    command = [sys.executable, "-m", "agentic_prefect.cli", "run", str(plan_file), "--input", given, "-q"]
    told = await asyncio.to_thread(_run_until_killed, command, openai_env)
    openai_env.release()
    killed = await _run_called(f"tour-{name}")
    result = await run_plan(load_plan(plan_file.read_text()), {"cities": CITIES}, options=RunOptions(resume=killed))
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(name=FlowRunFilterName(like_=f": {name}")),
        )
    asked = Counter(city for each in openai_env.requests for city in CITIES if f"{city}." in each.prompt_text)
    taken = [_taken(log.read_text()) for log in logs]

    assert (result.status, len(result.output)) == ("completed", 6), told
    assert asked == dict.fromkeys(CITIES, 1)
    # What had been handed over before the plan was killed was paid by that run.
    assert result.usage.calls == 6 - sum(each.cached for each in result.results.values())
    assert sorted((run.name, run.state_name) for run in runs) == [
        (f"visit[{number}]: {name}", "Completed") for number in range(6)
    ]
    assert all(taken)
    assert taken[0].isdisjoint(taken[1])
    assert taken[0] | taken[1] == {str(run.id) for run in runs}


def _run_until_killed(command: list[str], model: ScriptedServer) -> str:
    """Run a command until the model has been asked six times, and kill it; what it said."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            model.wait_for_requests(6, timeout_s=TIMEOUT_S)
        finally:
            process.kill()
        return process.stderr.read()


def _taken(log: str) -> set[str]:
    return set(SUBMITTED.findall(log)) - set(ABORTED.findall(log))


async def _run_called(name: str) -> str:
    async def look() -> str | None:
        async with get_client() as client:
            found = await client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=["agentic-plan"])),
                flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[name])),
            )
        return str(found[0].id) if found else None

    return await eventually(look)
