"""A plan is deployed, started from its form, watched, answered, retried and scheduled in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect.cli.worker import worker_process
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from tests import patient
from tests.cli.conftest import PROGRAM
from tests.ui.conftest import Browser

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.xdist_group("browser")]

POOL = "browser"

REPORT = """\
name: market-report
description: Looks at a market and writes a report that somebody signs off.
inputs:
  market: {type: string, title: Market, description: Which market to look at., default: bicycles}
  tone: {type: string, title: Tone, enum: [plain, formal], default: plain}
  words: {type: integer, title: Words at most, minimum: 100, maximum: 900, default: 300}
agents:
  analyst: {role: market analyst, purpose: find what matters}
  editor: {role: editor, purpose: write what people read to the end}
defaults: {model: openai/scripted, retries: 0}
tasks:
  - {id: look, agent: analyst, description: "Look at the market for {{ inputs.market }}."}
  - id: write
    agent: editor
    description: "Write a {{ inputs.tone }} report of {{ inputs.words }} words."
    input: "{{ tasks.look.output }}"
  - {id: sign_off, kind: human, description: Sign this report off?, input: "{{ tasks.write.output }}"}
result: "{{ tasks.write.output }}"
"""

SHAKY = """\
name: shaky
defaults: {model: openai/scripted, retries: 0}
tasks:
  - {id: first, description: Do the first thing.}
  - {id: second, description: "Do the second thing with {{ tasks.first.output }}."}
"""


def deploy(folder: Path, text: str, *options: str) -> str:
    """Deploy a plan, and give the deployment's id."""
    (folder / "plan.yaml").write_text(text, "utf-8")
    command = [str(PROGRAM), "deploy", str(folder / "plan.yaml"), "--work-pool", POOL, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", done.stdout)[0]


@pytest.fixture
def worker(
    prefect_server: str, openai_env: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A worker whose runs reach the scripted model, and are suspended as soon as only people are awaited."""
    made = patient.post(f"{prefect_server}/work_pools/", json={"name": POOL, "type": "process"})
    assert made.status_code in (201, 409), made.text
    log = tmp_path / "worker.log"
    environment = {
        **os.environ,
        "PREFECT_API_URL": prefect_server,
        "PREFECT_UI_URL": f"{prefect_server.removesuffix('/api')}/v2",
        "PREFECT_LOGGING_TO_API_ENABLED": "true",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_INTEGRATIONS_AGENTIC_SUSPEND_AFTER_S": "1",
    }
    monkeypatch.chdir(tmp_path)
    worker = worker_process(environment, log, pool=POOL)
    worker.__enter__()
    yield log
    # It asks the server when it ends, which needs a thread without the browser's event loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(worker.__exit__, None, None, None).result()


def runs_of(browser: Browser, deployment: str) -> list[Any]:
    """The runs of a deployment that are not only planned."""
    found = browser.post("flow_runs/filter", deployments={"id": {"any_": [deployment]}})
    return [run for run in found if not run["auto_scheduled"]]


def task_states(browser: Browser, run_id: str) -> list[tuple[str, str]]:
    """The task runs of a run, in the order in which they started, with their states."""
    found = browser.post("task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
    return [(each["name"], each["state"]["name"]) for each in sorted(found, key=lambda each: each["start_time"] or "")]


def ended_states(browser: Browser, run_id: str, count: int) -> list[tuple[str, str]]:
    """The same, once there are so many and the server knows how each of them ended."""
    under_way = {"Scheduled", "Pending", "Running", "AwaitingRetry", "Retrying"}

    def look() -> list[tuple[str, str]]:
        found = task_states(browser, run_id)
        return found if len(found) >= count and not under_way & {state for _, state in found} else []

    return browser.until(look, "the ends of the task runs")


def test_a_plan_is_started_from_its_form_and_signed_off(
    browser: Browser, worker: Path, openai_env: ScriptedServer, tmp_path: Path
) -> None:
    """The deployment shows the drawn plan and a form of the plan's own; the run is suspended while a person thinks,
    goes on at the worker when they have answered, pays nothing twice, and leaves a report with the drawn plan.
    """
    # CT-11
    openai_env.on("Look at the market", Reply.text("Cargo bicycles grew by a fifth."))
    openai_env.on("Write a formal report", Reply.text("## Cargo bicycles\n\nThey grew by **a fifth**."))
    deployment = deploy(tmp_path, REPORT)
    browser.open(f"deployments/deployment/{deployment}?tab=Description")
    browser.page.locator("svg[id^=mermaid]").first.wait_for()
    browser.shot("deployment")

    browser.page.get_by_role("button", name="Run", exact=True).click()
    browser.page.get_by_role("menuitem", name="Custom run").click()
    form = browser.page.locator("main")
    form.get_by_text("Market (Optional)").wait_for()
    browser.fill(form, "Market", "cargo bicycles")
    browser.select(form, "Tone", "formal")
    browser.shot("deployment-form")
    form.get_by_role("button", name="Submit").click()
    (run,) = browser.until(lambda: runs_of(browser, deployment), "the run")

    browser.open(f"runs/flow-run/{run['id']}")
    browser.sees_state("Suspended")
    paid = openai_env.count
    browser.shot("run-suspended")
    dialog = browser.choose("Resume")
    dialog.get_by_text("They grew by").wait_for()
    browser.shot("run-suspended-form")
    browser.select(dialog, "Decision", "approve")
    browser.fill(dialog, "Your name", "Ada")
    browser.submit(dialog, "Resume")
    browser.sees_state("Completed")
    browser.sees_graph()
    browser.shot("run-completed")
    browser.open_artifact(run["id"], "plan-report")
    browser.page.locator("svg[id^=mermaid]").wait_for()
    browser.shot("run-report", whole=True)

    assert browser.get(f"flow_runs/{run['id']}")["name"] == "market-report"
    assert run["parameters"]["inputs"] == {"market": "cargo bicycles", "tone": "formal", "words": 300}
    assert (paid, openai_env.count) == (2, 2)
    assert openai_env.requests_matching("cargo bicycles")
    assert browser.state_of(run["id"]) == "Completed"
    states = ended_states(browser, run["id"], 6)
    assert [state for name, state in states if name in ("look", "write")] == ["Completed"] * 2 + ["Cached"] * 2
    assert [state for name, state in states if name == "sign_off"] == ["Cancelled", "Completed"]


def test_a_failed_run_is_retried(browser: Browser, worker: Path, openai_env: ScriptedServer, tmp_path: Path) -> None:
    """Retry in the UI serves what was finished from the store and pays only for what had failed."""
    openai_env.on("Do the first thing", Reply.text("one"))
    openai_env.on("Do the second thing", Fault.status(400, message="Not today."), Reply.text("two"))
    deployment = deploy(tmp_path, SHAKY)
    run_id = browser.post(f"deployments/{deployment}/create_flow_run")["id"]
    browser.open(f"runs/flow-run/{run_id}")
    browser.sees_state("PartialFailure")
    browser.sees_graph()
    browser.shot("run-failed")
    dialog = browser.choose("Retry")
    browser.shot("run-retry")
    browser.submit(dialog, "Retry")
    browser.sees_state("Completed")
    browser.sees_graph()
    browser.shot("run-retried")

    assert [len(openai_env.requests_matching(text)) for text in ("the first thing", "the second thing")] == [1, 2]
    states = ended_states(browser, run_id, 4)
    assert states == [("first", "Completed"), ("second", "Failed"), ("first", "Cached"), ("second", "Completed")]


def test_a_schedule_is_switched_off_and_on(browser: Browser, prefect_server: str, tmp_path: Path) -> None:
    """The planned runs of a schedule are seen; the switch stops it, and they are gone, and starts it again."""
    made = patient.post(f"{prefect_server}/work_pools/", json={"name": POOL, "type": "process"})
    assert made.status_code in (201, 409), made.text
    deployment = deploy(tmp_path, SHAKY.replace("shaky", "morning"), "--cron", "0 7 * * 1-5")

    def is_active() -> bool:
        (schedule,) = browser.get(f"deployments/{deployment}")["schedules"]
        return bool(schedule["active"])

    def planned() -> int:
        return int(
            browser.post(
                "flow_runs/count",
                deployments={"id": {"any_": [deployment]}},
                flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}},
            )
        )

    browser.until(planned, "the planned runs")
    browser.open(f"deployments/deployment/{deployment}?tab=Upcoming")
    browser.page.get_by_text("Scheduled", exact=True).first.wait_for()
    browser.shot("schedule-on")
    switch = browser.page.locator('button[role="switch"][aria-label^="toggle "]').first
    switch.click()
    browser.until(lambda: not is_active(), "the schedule to be off")
    browser.until(lambda: planned() == 0, "the planned runs to be gone")
    browser.shot("schedule-off")
    # The page learns a moment later that the schedule is off; until then the switch would be switched off again.
    browser.page.locator('button[role="switch"][aria-label^="toggle "][aria-checked="false"]').first.click()
    browser.until(is_active, "the schedule to be on")
