"""A person answers in Prefect's UI, in a real browser."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentic_prefect.models.result import PlanResult
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from tests.cli.conftest import PROGRAM
from tests.ui.conftest import Browser

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.xdist_group("browser")]

PLAN = """\
name: quarterly-report
agents:
  analyst: {role: financial analyst, purpose: read invoices}
  editor: {role: editor, purpose: write what people read to the end}
defaults: {model: openai/scripted, retries: 0}
tasks:
  - id: invoices
    agent: analyst
    description: Add up the invoices of the third quarter.
    critical: true
    on_failure: {ask_human: {deadline_s: 86400, default: skip, fallback: [estimate]}}
  - {id: estimate, agent: analyst, description: Estimate the total from the orders.}
  - {id: draft, agent: editor, description: "Write the report on {{ tasks.invoices.output }}."}
  - id: publish
    kind: human
    description: Publish the report?
    input: "{{ tasks.draft.output }}"
    output:
      type: object
      properties:
        place: {type: string, title: Where to, enum: [intranet, website]}
        words: {type: integer, title: Words at most, minimum: 50}
      required: [place, words]
"""


class Asked:
    """A plan that runs in a process of its own and asks people."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "result.json"
        (folder / "plan.yaml").write_text(PLAN, "utf-8")
        self.process = subprocess.Popen(
            [str(PROGRAM), "run", str(folder / "plan.yaml"), "-o", str(self.out), "--stream", "jsonl:-"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PREFECT_LOGGING_TO_API_ENABLED": "true"},
        )

    def next_question(self) -> tuple[str, str]:
        """The plan's run and the run that waits, once the plan asks again."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["name"] == "agentic.intervention.requested":
                return event["run_id"], event["waiting_run_id"]
        raise AssertionError("the plan asked nothing")

    def result(self) -> PlanResult:
        """What became of the plan."""
        self.process.communicate(timeout=120)
        return PlanResult.model_validate_json(self.out.read_text())


@pytest.fixture
def asked(tmp_path: Path, openai_env: ScriptedServer, prefect_server: str) -> Iterator[Asked]:
    """The plan, under way: its first task fails, and its last one is a question."""
    openai_env.on("Add up the invoices", Fault.status(400, message="The file invoices.pdf cannot be read."))
    openai_env.on("Estimate", Reply.text("about 120,000 EUR"))
    openai_env.on("Write the report", Reply.text("## Third quarter\n\nInvoices came to **about 120,000 EUR**."))
    asked = Asked(tmp_path)
    yield asked
    asked.process.kill()
    asked.process.wait()


def test_a_person_answers_in_the_browser(browser: Browser, asked: Asked) -> None:
    """The form of a failure and that of a question are opened, filled in and answered; what does not fit is asked for
    again, saying why; the plan completes, and what was decided is on its page.
    """
    # F-33 F-35
    run_id, waiting = asked.next_question()
    browser.open(f"runs/flow-run/{waiting}")
    browser.sees_state("Paused")
    form = browser.choose("Resume")
    form.get_by_text("The file invoices.pdf cannot be read.").wait_for()
    browser.shot("intervention-failure")
    form.get_by_text("The plan", exact=True).click()
    form.locator("svg[id^=mermaid]").wait_for()
    browser.shot("intervention-diagram")
    form.get_by_text("The plan", exact=True).click()

    # An answer that does not fit: the form comes again and says why.
    browser.select(form, "Decision", "edit_input")
    browser.fill(form, "Input", "{half")
    browser.submit(form, "Resume")
    browser.until(lambda: browser.inputs_of(waiting, "paused-answer-2-description"), "the second form")
    browser.page.reload()
    browser.sees_state("Paused")
    form = browser.choose("Resume")
    form.get_by_text("Please answer again.").wait_for()
    form.get_by_text("The input is no JSON").wait_for()
    browser.shot("intervention-again")
    browser.select(form, "Decision", "fallback")
    browser.fill(form, "Comment", "The orders will do.")
    browser.fill(form, "Your name", "Ada")
    browser.submit(form, "Resume")
    browser.sees_state("Completed")

    failure = waiting

    # A question that is a task: its schema is the form.
    _, waiting = asked.next_question()
    browser.open(f"runs/flow-run/{waiting}")
    browser.sees_state("Paused")
    form = browser.choose("Resume")
    form.get_by_text("Invoices came to").wait_for()
    browser.shot("intervention-question")
    browser.select(form, "Where to", "website")
    browser.fill(form, "Words at most", "300")
    browser.shot("intervention-filled")
    browser.submit(form, "Resume")
    result = asked.result()

    # Everything that was asked and decided stands with the plan's run.
    browser.open(f"runs/flow-run/{run_id}")
    browser.sees_state("Completed")
    browser.sees_graph()
    browser.shot("plan-run")
    browser.open_artifact(run_id, "plan-questions")
    told = browser.page.get_by_test_id("markdown-display")
    told.get_by_text("Ada decided fallback: The orders will do.").wait_for()
    browser.shot("plan-questions")
    browser.open_artifact(run_id, "plan-report")
    browser.page.locator("svg[id^=mermaid]").wait_for()
    browser.shot("plan-report", whole=True)

    assert result.output == {"place": "website", "words": 300}
    assert result.results["invoices"].decisions[0].by == "Ada"
    assert result.results["invoices"].related[0].task_id == "estimate"
    assert [browser.state_of(each) for each in (run_id, failure, waiting)] == ["Completed"] * 3
    assert [json.loads(each) for each in browser.inputs_of(waiting, "paused-answer-1-response")] == [
        {
            "decision": "supply_output", "output": {"place": "website", "words": 300}, "comment": "", "by": "",
        }
    ]  # fmt: skip
