"""`serve`, `schedule` and `runs` with a real worker."""

import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from agentic_prefect.hosting.run_processes import is_running
from agentic_prefect.testing import Reply, ScriptedServer
from tests import patient
from tests.cli.conftest import PROGRAM, Command, hears_hangups

# A worker takes up whatever is in its pool, and several tests share the usual one.
pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("pool")]


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"tick-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def plans(tmp_path: Path, name: str) -> Path:
    """A folder with one plan."""
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "tick.yaml").write_text(
        f"name: {name}\ninputs: {{topic: {{type: string, default: tea}}}}\n"
        'tasks: [{id: look, description: "Look at {{ inputs.topic }}", model: openai/scripted}]\n'
    )
    return folder


def _as_in_the_background() -> None:
    """Run first in a child process: as a shell's `&` has it, Ctrl-C is ignored."""
    hears_hangups()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture
def served(
    plans: Path, name: str, openai_env: ScriptedServer, prefect_server: str, tmp_path: Path
) -> Iterator[subprocess.Popen[str]]:
    """`serve` at work; ended after the test if it has not been."""
    process = subprocess.Popen(
        [str(PROGRAM), "serve", str(plans), "--work-pool", "agentic"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=tmp_path, preexec_fn=_as_in_the_background,
    )  # fmt: skip
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.slow
def test_a_served_plan_runs_on_its_schedule_until_it_is_paused(
    served: subprocess.Popen[str], name: str, openai_env: ScriptedServer, cli: Command
) -> None:
    """Runs appear with the schedule as their creator and its inputs; pausing takes back those that were planned."""
    # CT-09 CT-10
    openai_env.answer_by_default(Reply.text("seen"))
    assert served.stdout is not None
    told = _lines_until(served.stdout, "Ctrl-C stops it")
    cli("schedule", "add", name, "-n", "often", "--interval", "8s", "--schedule-input", "topic=rain")

    def completed() -> list[dict[str, Any]]:
        return json.loads(cli("runs", "list", name, "--state", "completed", "-f", "json").out)

    done = patient.until(lambda: found if len(found := completed()) >= 2 else None)
    paused = cli("schedule", "pause", name, "often")
    planned = json.loads(cli("runs", "list", name, "--state", "scheduled", "-f", "json").out)
    shown = cli("runs", "show", done[0]["id"]).out
    served.send_signal(signal.SIGINT)
    code = served.wait(60)
    goodbye = served.stdout.read()
    log = Path(os.environ["PREFECT_HOME"], "agentic-worker.log").read_text()

    assert told[0].startswith(f"run-plan/{name}: ")
    assert all(each["started_by"].startswith("schedule") and each["inputs"] == {"topic": "rain"} for each in done)
    assert openai_env.requests_matching("Look at rain")
    assert paused.code == 0, paused.err
    assert {each["state"] for each in planned} <= {"Submitting", "Pending"}  # those that the worker has already
    assert f"Plan:       {name}@1" in shown
    assert 'Inputs:     {"topic": "rain"}' in shown
    assert (code, goodbye.splitlines()[0]) == (0, "Stopping the worker …")  # and the runs that it had begun, if any
    assert re.search(r"Worker 'agentic-\w+' stopped!", log)  # it ended by itself, and was not killed


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_run_that_is_under_way_when_serve_stops_is_crashed_and_said(
    number: signal.Signals,
    served: subprocess.Popen[str],
    name: str,
    openai_env: ScriptedServer,
    prefect_server: str,
) -> None:
    """No run stays Running without a process, and the terminal says how to go on."""
    openai_env.answer_by_default(Reply.hold())
    assert served.stdout is not None
    _lines_until(served.stdout, "Ctrl-C stops it")
    deployment = patient.get(f"{prefect_server}/deployments/name/run-plan/{name}").json()["id"]
    run = patient.post(f"{prefect_server}/deployments/{deployment}/create_flow_run", json={}).json()
    patient.until(lambda: openai_env.requests_matching("Look at tea"))
    under_way = patient.get(f"{prefect_server}/flow_runs/{run['id']}").json()

    served.send_signal(number)
    code = served.wait(60)
    goodbye = served.stdout.read()
    ended = patient.get(f"{prefect_server}/flow_runs/{run['id']}").json()

    assert code == 0
    assert f"Run '{under_way['name']}' ({run['id']}) was under way and is Crashed." in goodbye
    assert ended["state_type"] == "CRASHED"
    assert not is_running(int(under_way["infrastructure_pid"]))


def test_a_pool_of_another_type_is_refused(plans: Path, name: str, cli: Command, prefect_server: str) -> None:
    """A worker of processes takes no runs of such a pool; nothing is deployed there."""
    pool = f"pool-{uuid.uuid4().hex[:8]}"
    patient.post(f"{prefect_server}/work_pools/", json={"name": pool, "type": "kubernetes"}).raise_for_status()
    done = cli("serve", plans, "--work-pool", pool, "--no-stay")

    assert done.code == 2
    assert f"The work pool '{pool}' is of the type 'kubernetes'" in done.err
    assert patient.get(f"{prefect_server}/deployments/name/run-plan/{name}").status_code == 404


def test_runs_are_listed_shown_and_cancelled(plans: Path, name: str, cli: Command, prefect_server: str) -> None:
    """A run that waits for a worker ends at once when it is cancelled, and cannot be cancelled twice."""
    # CT-09
    cli("deploy", plans / "tick.yaml")
    deployment = patient.get(f"{prefect_server}/deployments/name/run-plan/{name}").json()["id"]
    run = patient.post(f"{prefect_server}/deployments/{deployment}/create_flow_run", json={}).json()["id"]

    table = cli("runs", "list", name).out
    cancelled, again = cli("runs", "cancel", run), cli("runs", "cancel", run)
    listed = json.loads(cli("runs", "list", name, "-f", "json").out)

    assert run[:8] in table
    assert f"({run}) is Cancelled." in cancelled.out
    assert again.code == 2
    assert "has ended: it is Cancelled." in again.err
    assert [(each["id"], each["state"], each["message"]) for each in listed] == [
        (run, "Cancelled", "Cancelled before it began.")
    ]


def test_a_run_is_found_beside_hundreds_that_are_planned(
    plans: Path, name: str, cli: Command, prefect_server: str
) -> None:
    """By the beginning of its id and by its name; planned ones are found where nothing else fits."""
    cli("deploy", plans / "tick.yaml")
    deployment = f"{prefect_server}/deployments/{_id_of(prefect_server, name)}"
    done = _made(deployment, name=f"done-{name}", state={"type": "COMPLETED"})
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2040-01-01T00:00:00Z"}}
    planned = _hundred_made(deployment, name=f"planned-{name}", state=later)
    planned += _hundred_made(deployment, name=f"planned-{name}", state=later)
    # Runs that other tests made in the same moment begin alike.
    found = [cli("runs", "show", reference, "-f", "json") for reference in (done[:24], f"done-{name}", planned[0][:24])]
    several = cli("runs", "show", f"planned-{name}")
    listed = cli("runs", "list", name, "--latest", "200").out.splitlines()[1:]
    patient.delete(deployment).raise_for_status()

    assert [json.loads(each.out)["id"] for each in found] == [done, done, planned[0]]
    assert f"200 runs are called 'planned-{name}'" in several.err
    shown = {line.split()[0] for line in listed}
    assert len(shown) == 200
    assert all(sum(run.startswith(each) for run in (done, *planned)) == 1 for each in shown)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("runs", "show", "0f0f0f0f-0000-4000-8000-000000000000"), "There is no run"),
        (("runs", "list", "no-such-deployment"), "There is no deployment 'no-such-deployment'."),
        (("runs", "list", "--state", "asleep"), "asleep"),
    ],
)
def test_a_run_that_is_not_there_is_told(arguments: tuple[str, ...], message: str, cli: Command) -> None:
    """So is a deployment, and a state."""
    done = cli(*arguments)

    assert done.code == 2
    assert message in done.err


def test_nothing_is_served_when_a_plan_would_not_run(
    plans: Path, name: str, tmp_path: Path, cli: Command, prefect_server: str
) -> None:
    """All faults of all plans are told, and no deployment is made; so it is for a folder without plans."""
    (plans / "bad.yaml").write_text("name: bad\ntasks: [{id: a, description: x, agent: nobody}]\n")
    (plans / "twice.yaml").write_text((plans / "tick.yaml").read_text())
    (tmp_path / "empty").mkdir()
    done, nothing = cli("serve", plans), cli("serve", tmp_path / "empty")

    assert (done.code, nothing.code) == (2, 2)
    assert "nobody" in done.err
    assert f"Two plans are called '{name}'" in done.err
    assert "There is no plan in" in nothing.err
    assert patient.get(f"{prefect_server}/deployments/name/run-plan/{name}").status_code == 404


def test_a_plan_that_is_deployed_elsewhere_stays_there(
    plans: Path, name: str, cli: Command, prefect_server: str
) -> None:
    """`serve` does not take a deployment away from the workers of another pool."""
    pool = f"pool-{uuid.uuid4().hex[:8]}"
    patient.post(f"{prefect_server}/work_pools/", json={"name": pool, "type": "process"}).raise_for_status()
    cli("deploy", plans / "tick.yaml", "--work-pool", pool)
    done = cli("serve", plans, "--no-stay")

    assert done.code == 2
    assert f"is deployed to the work pool '{pool}' already" in done.err


def test_serving_a_deployed_plan_leaves_the_rest_of_its_deployment_as_it_is(
    plans: Path, name: str, cli: Command, prefect_server: str
) -> None:
    """Budget, model, tags, working directory, limit, work queue and schedules stay; the plan's new version runs."""
    pool = f"pool-{uuid.uuid4().hex[:8]}"
    patient.post(f"{prefect_server}/work_pools/", json={"name": pool, "type": "process"}).raise_for_status()
    deployed = cli(
        "deploy", plans / "tick.yaml", "--work-pool", pool, "--budget", "usd=0.5", "--model", "local/foo",
        "--tag", "prod", "--working-dir", "/srv/plans", "--concurrency", "1", "--collision", "cancel-new",
        "--interval", "1d",
    )  # fmt: skip
    before = _brief(prefect_server, name)
    (plans / "tick.yaml").write_text((plans / "tick.yaml").read_text().replace("Look at", "Look well at"))
    served = cli("serve", plans, "--no-stay", "--work-pool", pool)

    assert (deployed.code, served.code) == (0, 0), deployed.err + served.err
    assert before == {
        "parameters": {"plan": f"{name}@1", "inputs": {"topic": "tea"}, "budget": {"usd": 0.5}, "model": "local/foo"},
        "tags": ["agentic", "prod"],
        "job_variables": {"working_dir": "/srv/plans"},
        "limit": 1,
        "concurrency_options": {"collision_strategy": "CANCEL_NEW", "grace_period_seconds": None},
        "schedules": ["deploy-1"],
        "budget_in_description": True,
    }
    assert _brief(prefect_server, name) == {**before, "parameters": {**before["parameters"], "plan": f"{name}@2"}}


def _id_of(api_url: str, name: str) -> str:
    return str(patient.get(f"{api_url}/deployments/name/run-plan/{name}").json()["id"])


def _made(deployment: str, **fields: Any) -> str:
    """A new run of a deployment."""
    answer = patient.post(f"{deployment}/create_flow_run", json=fields)
    answer.raise_for_status()
    return str(answer.json()["id"])


def _hundred_made(deployment: str, **fields: Any) -> list[str]:
    """As many new runs of a deployment as the server makes at once."""
    answer = patient.post(f"{deployment}/create_flow_run/bulk", json=[fields] * 100)
    answer.raise_for_status()
    return [str(each["flow_run_id"]) for each in answer.json()["results"]]


def _brief(api_url: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = patient.get(f"{api_url}/deployments/name/run-plan/{name}").json()
    return {
        **{key: found[key] for key in ("parameters", "job_variables", "concurrency_options")},
        "tags": sorted(found["tags"]),
        "limit": found["global_concurrency_limit"] and found["global_concurrency_limit"]["limit"],
        "schedules": [each["slug"] for each in found["schedules"]],
        "budget_in_description": "Budget: usd 0.5." in found["description"],
    }


def _lines_until(stream: IO[str], words: str) -> list[str]:
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError("".join(lines))
