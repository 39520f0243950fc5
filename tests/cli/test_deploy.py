"""`deploy` and `schedule`, on a real server, without a worker: what the server holds, and what it takes."""

import json
import re
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests import patient
from tests.cli.conftest import Command

# A worker takes up whatever is in its pool, and several tests share the usual one.
pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("pool")]

STRATEGIES = pytest.mark.parametrize(
    ("collision", "state"), [("enqueue", "AwaitingConcurrencySlot"), ("cancel-new", "Cancelled")]
)
TEXT = """
name: {name}
description: Sums up what is new.
budget: {{calls: 9}}
inputs:
  topic: {{type: string, title: Topic, description: What it is about., default: tea}}
  items: {{type: integer, minimum: 1, maximum: 9, default: 3}}
tasks:
- {{id: gather, description: "Gather {{{{ inputs.items }}}} facts about {{{{ inputs.topic }}}}"}}
- {{id: write, description: {what}, depends_on: gather, on_failure: {{fallback: [shorter]}}}}
- {{id: shorter, description: Shorter}}
"""


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"news-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def file(tmp_path: Path, name: str) -> Path:
    """A plan's file."""
    path = tmp_path / "news.yaml"
    path.write_text(TEXT.format(name=name, what="Write"))
    return path


def test_a_plan_gets_a_deployment_with_a_form_of_its_own(
    file: Path, name: str, cli: Command, prefect_server: str
) -> None:
    """The server has the plan's fields, a description with table and graph, and refuses what does not fit them."""
    # CT-09, CT-11
    done = cli("deploy", file, "--tag", "team:news")
    made = _deployment(prefect_server, name)
    fields = made["parameter_openapi_schema"]["properties"]["inputs"]["properties"]

    assert done.code == 0, done.err
    assert f"Deployed: run-plan/{name}, which runs {name}@1 (saved)." in done.out
    assert (fields["topic"]["title"], fields["topic"]["description"]) == ("Topic", "What it is about.")
    assert (fields["items"]["minimum"], fields["items"]["maximum"], fields["items"]["default"]) == (1, 9, 3)
    assert made["parameters"] == {"plan": f"{name}@1", "inputs": {"topic": "tea", "items": 3}}
    assert (made["version"], set(made["tags"])) == ("1", {"agentic", "team:news"})
    assert "| shorter | assistant | if write fails | Shorter |" in made["description"]
    assert "```mermaid\nflowchart TD" in made["description"]
    assert "Budget: calls 9." in made["description"]
    assert [
        _run(prefect_server, made["id"], {"inputs": inputs}).status_code
        for inputs in ({"topic": "rain", "items": 4}, {"items": 10}, {"itms": 1}, {"topic": 5})
    ] == [201, 409, 409, 409]


def test_a_deployment_has_a_budget_of_its_own(file: Path, name: str, cli: Command, prefect_server: str) -> None:
    """In place of the plan's; a limit that will not do deploys nothing."""
    wrong = cli("deploy", file, "--budget", "usd=0")
    there = patient.get(f"{prefect_server}/deployments/name/run-plan/{name}").status_code
    done = cli("deploy", file, "--budget", "usd=0.5", "--budget", "calls=4")
    made = _deployment(prefect_server, name)

    assert (wrong.code, there) == (2, 404)
    assert done.code == 0, done.err
    assert made["parameters"]["budget"] == {"usd": 0.5, "calls": 4}
    assert "calls 4" in made["description"]
    assert "calls 9" not in made["description"]


def test_the_link_fills_the_form_in(file: Path, name: str, cli: Command, prefect_server: str) -> None:
    """The printed link leads to the form of this deployment, with the defaults as its parameters."""
    done = cli("deploy", file)
    link = re.findall(r"form filled in: (\S+)", done.out)[0]
    parts = urlsplit(link)

    assert parts.path == f"/v2/deployments/deployment/{_deployment(prefect_server, name)['id']}/run"
    assert json.loads(parse_qs(parts.query)["parameters"][0])["inputs"] == {"topic": "tea", "items": 3}


def test_deploying_again_changes_nothing_and_an_edit_is_a_version(
    file: Path, name: str, cli: Command, prefect_server: str
) -> None:
    """One deployment stays one; its schedules are those that are asked for, and a paused one stays paused."""
    first = cli("deploy", file, "--cron", "0 7 * * 1-5", "--interval", "2h", "--timezone", "Europe/Berlin")
    before = _deployment(prefect_server, name)
    cli("schedule", "add", name, "--name", "extra", "--rrule", "FREQ=WEEKLY;BYDAY=MO", "--schedule-input", "topic=rain")
    cli("schedule", "pause", name, "deploy-1")
    cli("deploy", file, "--cron", "0 7 * * 1-5", "--interval", "2h", "--timezone", "Europe/Berlin")
    again = _deployment(prefect_server, name)
    file.write_text(TEXT.format(name=name, what="Write well"))
    edited = cli("deploy", file, "--cron", "0 8 * * *")
    after = _deployment(prefect_server, name)

    assert first.code == 0, first.err
    assert [_brief(each) for each in again["schedules"]] == [
        ("deploy-1", "0 7 * * 1-5", False, {}),
        ("deploy-2", 7200.0, True, {}),
        ("extra", "DTSTART:20200101T000000\nFREQ=WEEKLY;BYDAY=MO", True, {"inputs": {"topic": "rain"}}),
    ]
    assert again["version"] == "1"
    assert f"Brought up to date: run-plan/{name}, which runs {name}@2 (saved)." in edited.out
    assert "Removed the schedule 'deploy-2'." in edited.out
    assert after["id"] == before["id"]
    assert after["parameters"]["plan"] == f"{name}@2"
    assert [_brief(each)[:3] for each in after["schedules"]] == [
        ("deploy-1", "0 8 * * *", False),
        ("extra", "DTSTART:20200101T000000\nFREQ=WEEKLY;BYDAY=MO", True),
    ]


def test_what_was_set_elsewhere_stays_when_the_plan_is_deployed_again(
    file: Path, name: str, cli: Command, prefect_server: str
) -> None:
    """Job variables, work queue, limit and further parameters; the model is what `deploy` says, which is none."""
    cli("deploy", file)
    made = _deployment(prefect_server, name)
    proxy = {"env": {"HTTP_PROXY": "http://proxy:3128"}}
    parameters = {**made["parameters"], "max_concurrency": 4, "model": "local/foo"}
    changes = {
        "job_variables": proxy, "work_queue_name": f"high-{name}", "concurrency_limit": 3, "parameters": parameters,
    }  # fmt: skip
    url = f"{prefect_server}/deployments/{made['id']}"
    patient.patch(url, json={"work_pool_name": "agentic", **changes}).raise_for_status()
    again = cli("deploy", file)

    assert again.code == 0, again.err
    assert _surroundings(prefect_server, name) == (proxy, f"high-{name}", 3)
    assert _deployment(prefect_server, name)["parameters"] == {**made["parameters"], "max_concurrency": 4}


def test_job_variables_work_queue_and_limit_are_what_was_asked_for_last(
    file: Path, name: str, cli: Command, prefect_server: str
) -> None:
    """A variable takes the place of the one of its name, a value is JSON or text, and 0 lifts the limit."""
    urgent = f"urgent-{name}"
    first = cli(
        "deploy", file, "--work-queue", urgent, "--concurrency", "2", "--working-dir", "/srv",
        "--job-variable", 'env={"A": "1"}', "--job-variable", "stream_output=false", "--job-variable", "label=x=y",
    )  # fmt: skip
    made = _surroundings(prefect_server, name)
    second = cli("deploy", file, "--concurrency", "0", "--job-variable", 'env={"B": "2"}')

    assert (first.code, second.code) == (0, 0), first.err + second.err
    others = {"working_dir": "/srv", "stream_output": False, "label": "x=y"}
    assert made == ({**others, "env": {"A": "1"}}, urgent, 2)
    assert _surroundings(prefect_server, name) == ({**others, "env": {"B": "2"}}, urgent, None)


def test_schedules_are_listed_paused_resumed_and_removed(file: Path, name: str, cli: Command) -> None:
    """Two recurring runs of one plan have inputs of their own, and each is switched by itself."""
    # CT-09
    cli("deploy", file)
    for topic in ("rain", "snow"):
        cli("schedule", "add", name, "-n", topic, "--cron", "0 6 * * *", "--schedule-input", f"topic={topic}")
    cli("schedule", "pause", name, "rain")
    listed = json.loads(cli("schedule", "list", name, "-f", "json").out)
    table = cli("schedule", "list", name).out
    resumed, removed = cli("schedule", "resume", name, "rain"), cli("schedule", "remove", name, "snow")
    left = json.loads(cli("schedule", "list", name, "-f", "json").out)

    assert sorted((each["slug"], each["active"], each["inputs"]["topic"]) for each in listed) == [
        ("rain", False, "rain"),
        ("snow", True, "snow"),
    ]
    assert "cron 0 6 * * * (UTC)" in table
    assert resumed.out == f"Resumed the schedule 'rain' of '{name}'.\n"
    assert removed.out == f"Removed the schedule 'snow' of '{name}'.\n"
    assert [(each["slug"], each["active"]) for each in left] == [("rain", True)]


@STRATEGIES
def test_a_run_that_overlaps_does_as_the_strategy_says(
    collision: str, state: str, file: Path, name: str, cli: Command, prefect_server: str
) -> None:
    """With one run at a time, the second one waits for the first, or is cancelled, when a worker takes it up."""
    # CT-10
    cli("deploy", file, "--concurrency", "1", "--collision", collision)
    deployment = _deployment(prefect_server, name)["id"]
    runs = [_run(prefect_server, deployment, {}).json()["id"] for _ in range(2)]

    answers = [_take_up(prefect_server, run) for run in runs]

    assert answers[0]["status"] == "ACCEPT"
    assert _state(prefect_server, runs[1]) == state


@STRATEGIES
def test_runs_that_are_late_do_as_the_strategy_says(
    collision: str, state: str, file: Path, name: str, cli: Command, prefect_server: str
) -> None:
    """Runs whose time passed while no worker or no server was there are `Late`: none is lost, and one runs first."""
    # CT-10
    cli("deploy", file, "--concurrency", "1", "--collision", collision)
    deployment = _deployment(prefect_server, name)["id"]
    due = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2026-01-31T06:00:00Z"}}
    runs = [_run(prefect_server, deployment, {}, state=due).json()["id"] for _ in range(2)]

    patient.until(lambda: [_state(prefect_server, run) for run in runs] == ["Late", "Late"])
    answers = [_take_up(prefect_server, run) for run in runs]

    assert answers[0]["status"] == "ACCEPT"
    assert [_state(prefect_server, run) for run in runs] == ["Pending", state]


def test_a_version_that_is_deployed_cannot_be_deleted(file: Path, name: str, cli: Command, prefect_server: str) -> None:
    """The message names the deployment that runs it, however many others there are."""
    cli("deploy", file)
    flow = patient.get(f"{prefect_server}/deployments/name/run-plan/{name}").json()["flow_id"]
    others = [
        patient.post(f"{prefect_server}/deployments/", json={"name": f"0-{name}-{place}", "flow_id": flow}).json()["id"]
        for place in range(200)
    ]
    try:
        done = cli("plans", "delete", f"{name}@1")
    finally:
        for each in others:
            patient.delete(f"{prefect_server}/deployments/{each}")

    assert done.code == 2
    assert f"the deployments {name} run it" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cron", "soon"), "'soon' is no cron line"),
        (("--cron", "0 7 * * *", "--schedule-input", "items=12"), "12 is greater than the maximum of 9"),
        (("--schedule-input", "items=2"), "needs a schedule"),
        (("--work-pool", "no-such-pool"), "There is no work pool 'no-such-pool'."),
        (("--name", "a/b"), "'a/b' will not do"),
        (("--collision", "cancel-new"), "Add `--concurrency 1`"),
        (("--job-variable", "image"), "The job variable 'image' has no value. Write KEY=VALUE"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_deployed(
    arguments: tuple[str, ...], message: str, file: Path, name: str, cli: Command, prefect_server: str
) -> None:
    """A wrong schedule, input, pool or name, a job variable without a value, a strategy without a limit."""
    done = cli("deploy", file, *arguments)

    assert done.code == 2
    assert message in done.err
    assert patient.get(f"{prefect_server}/deployments/name/run-plan/{name}").status_code == 404


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--interval", "1h", "--schedule-input", "topic=sk-proj-abc123def456ghi789"), "input 'topic'"),
        (("--interval", "1h", "--schedule-input", "topic=in-use-on-this-machine"), "input 'topic'"),
        (("--job-variable", 'env={"A": "sk-proj-abc123def456ghi789"}'), "job variable 'env'"),
    ],
)
def test_no_key_is_given_to_the_server_in_clear(
    arguments: tuple[str, ...], what: str, file: Path, name: str, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that looks like a key, or is one of this machine's; it is not shown again, and blocks are named."""
    monkeypatch.setenv("ACME_API_KEY", "in-use-on-this-machine")
    done = cli("deploy", file, *arguments)

    assert done.code == 2
    assert f"The {what} holds what looks like a key or a password, and Prefect keeps it in clear." in done.err
    assert "Keep the key in a block (OpenAIConnection for a model's, Secret for others)" in done.err
    assert "sk-proj" not in done.err
    assert f"The server holds no plan {name!r}." in cli("plans", "list", name).err


def test_a_default_with_a_password_is_deployed_by_no_command(tmp_path: Path, name: str, cli: Command) -> None:
    """It would stand in the form, and in the link to it; a value for a schedule is no better."""
    path = tmp_path / "store.yaml"
    path.write_text(
        f"name: {name}\ninputs: {{db: {{type: string, default: 'postgresql://u:hunter2secret@h/db'}}}}\n"
        "tasks: [{id: a, description: x}]\n"
    )
    refused = [cli("deploy", path), cli("serve", path, "--no-stay")]
    path.write_text(path.read_text().replace("u:hunter2secret@", ""))
    deployed = cli("deploy", path)
    added = cli(
        "schedule", "add", name, "-n", "daily", "--interval", "1d", "--schedule-input", "db=pg://u:hunter2@h/db"
    )

    assert [done.code for done in refused] == [2, 2]
    assert all("The default of the input 'db' holds what looks like" in done.err for done in refused)
    assert (deployed.code, added.code) == (0, 2)
    assert "The input 'db' holds what looks like" in added.err


def test_an_input_without_a_default_needs_a_value_on_a_schedule(tmp_path: Path, name: str, cli: Command) -> None:
    """Nobody fills in the form of a scheduled run."""
    path = tmp_path / "needs.yaml"
    path.write_text(f"name: {name}\ninputs: {{who: {{type: string}}}}\ntasks: [{{id: a, description: x}}]\n")

    refused = cli("deploy", path, "--interval", "1d")
    taken = cli("deploy", path, "--interval", "1d", "--schedule-input", "who=Ada")

    assert refused.code == 2
    assert "Give it with `--schedule-input who=VALUE`" in refused.err
    assert taken.code == 0, taken.err


def test_a_schedule_that_is_not_there_is_told_with_what_is(file: Path, name: str, cli: Command) -> None:
    """So is a deployment, and a name that belongs to `deploy`."""
    cli("deploy", file, "--cron", "0 7 * * *")

    unknown = cli("schedule", "pause", name, "deploy-2")
    nowhere = cli("schedule", "list", f"{name[:-1]}_")
    reserved = cli("schedule", "add", name, "-n", "deploy-9", "--interval", "1d")
    several = cli("schedule", "add", name, "-n", "twice", "--interval", "1d", "--cron", "0 7 * * *")

    assert [each.code for each in (unknown, nowhere, reserved, several)] == [2, 2, 2, 2]
    assert "Did you mean 'deploy-1'?" in unknown.err
    assert f"Did you mean '{name}'?" in nowhere.err
    assert "those are the ones that `deploy` keeps" in reserved.err
    assert "once" in several.err


def _deployment(api_url: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = patient.get(f"{api_url}/deployments/name/run-plan/{name}").json()
    found["schedules"] = sorted(found["schedules"], key=lambda each: each["slug"])
    return found


def _surroundings(api_url: str, name: str) -> tuple[dict[str, Any], str, int | None]:
    """Job variables, work queue, and how many runs there may be at once."""
    found = _deployment(api_url, name)
    limit = found["global_concurrency_limit"]
    return found["job_variables"], found["work_queue_name"], limit["limit"] if limit else None


def _run(api_url: str, deployment: str, parameters: dict[str, Any], **fields: Any) -> httpx.Response:
    url = f"{api_url}/deployments/{deployment}/create_flow_run"
    return patient.post(url, json={"parameters": parameters, **fields})


def _state(api_url: str, run: str) -> str:
    return str(patient.get(f"{api_url}/flow_runs/{run}").json()["state"]["name"])


def _take_up(api_url: str, run: str) -> dict[str, Any]:
    """What a worker does first."""
    answer = patient.post(f"{api_url}/flow_runs/{run}/set_state", json={"state": {"type": "PENDING"}})
    found: dict[str, Any] = answer.json()
    return found


def _brief(schedule: dict[str, Any]) -> tuple[str, object, bool, object]:
    when = schedule["schedule"]
    said = when.get("cron") or when.get("rrule") or when.get("interval")
    return schedule["slug"], said, schedule["active"], schedule["parameters"]
