"""People asked and answering on the command line."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentic_prefect.models.result import PlanResult
from tests.cli.conftest import PROGRAM, Command
from tests.cli.test_cancel import Start, start

__all__ = ["start"]

pytestmark = pytest.mark.prefect

PLAN = """\
name: publishing
tasks:
  - {id: ok, kind: human, description: "Publish the report?", input: {title: Q3}}
  - id: publish
    kind: human
    description: "Which address?"
    output: {type: object, properties: {address: {type: string, minLength: 3}}, required: [address]}
    depends_on: [ok]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan of two questions, the second after the first."""
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN, "utf-8")
    return file


def test_a_run_asks_at_its_terminal(start: Start, plan: Path, tmp_path: Path, prefect_server: str) -> None:
    """`run` on a terminal shows the question and takes the answer; one that does not fit is asked for again."""
    # U-06 F-35
    out = tmp_path / "result.json"
    terminal = start("run", plan, "-o", out)

    def answer(prompt: str, text: str, count: int = 1) -> None:
        terminal.read_until(lambda: terminal.text.count(prompt) >= count)
        terminal.write(f"{text}\n")

    answer("Decision (approve, reject, abort)", "aprove")
    answer("Comment:", "")
    answer("Decision (approve, reject, abort)", "approve", 2)
    answer("Comment:", "reads well", 2)
    answer("Decision (supply_output, reject, abort)", "")
    answer("Output (text or JSON, one line)", '{"address": "x@example.org"}')
    answer("Comment:", "", 3)
    code = terminal.wait()
    result = PlanResult.model_validate_json(out.read_text())

    assert code == 0, terminal.text[-2000:]
    assert "Did you mean 'approve'?" in terminal.text
    assert result.output == {"address": "x@example.org"}
    assert result.results["ok"].decisions[0].comment == "reads well"
    assert result.results["ok"].decisions[0].by


def test_another_process_answers(plan: Path, tmp_path: Path, cli: Command, prefect_server: str) -> None:
    """`interventions list`, `show` and `respond` find the questions of any run and answer them; all is on record."""
    # F-33 F-32 U-10
    out = tmp_path / "result.json"
    run = subprocess.Popen(
        [str(PROGRAM), "run", str(plan), "-o", str(out), "--stream", "jsonl:-"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    try:
        first = _asked(run.stdout)
        listed = next(
            each for each in json.loads(cli("interventions", "list", "-f", "json").out) if each["run_id"] == first
        )
        table, shown = cli("interventions", "list").out, cli("interventions", "show", first).out
        wrong = cli("interventions", "respond", first, "-d", "retry")
        nothing = cli("interventions", "respond", first)
        done = cli("interventions", "respond", first, "-d", "approve", "-c", "fine", "--by", "ann")
        second = _asked(run.stdout)
        unfit = cli("interventions", "respond", second, "-d", "supply_output", "-o", '{"address": "x"}')
        last = cli("interventions", "respond", second, "-d", "supply_output", "-o", '{"address": "here"}')
        assert last.code == 0, last.err
        run.communicate(timeout=60)
        code = run.returncode
    finally:
        run.kill()
    gone = cli("interventions", "show", first)

    assert listed["question"] == "Publish the report?"
    assert re.search(rf"{first[:8]} +publishing +ok +normal", table)
    assert "Publish the report?" in shown
    assert '"title": "Q3"' in shown
    assert (wrong.code, nothing.code, unfit.code) == (2, 2, 2)
    assert "cannot be decided here" in wrong.err
    assert "Give `--decision`" in nothing.err
    assert "is too short" in unfit.err
    assert done.out == "Handed in: approve for task 'ok'.\n"
    assert code == 0
    result = PlanResult.model_validate_json(out.read_text())
    assert result.output == {"address": "here"}
    assert (result.results["ok"].decisions[0].by, result.results["ok"].decisions[0].comment) == ("ann", "fine")
    assert gone.code == 2
    assert "Traceback" not in gone.err
    record = _record(result.run_id)
    assert record.index("Which address?") > record.index("Publish the report?")
    assert "- Task: ok\n- Error: none; the task is a question\n- Suggested: approve, reject, abort\n" in record
    assert "- Priority: normal\n- Id: " in record
    assert re.search(r"2\. .* UTC: ann decided approve: fine", record)


def test_without_a_server_and_a_terminal_the_default_holds(program: Command, tmp_path: Path) -> None:
    """Where nobody can be asked, the default is taken at once, and the result says so."""
    (tmp_path / "plan.yaml").write_text(
        "name: p\ntasks:\n  - {id: ok, kind: human, description: Go?, ask: {default: approve}}\n", "utf-8"
    )
    done = program("rehearse", tmp_path / "plan.yaml", "-o", "-")
    result: dict[str, Any] = json.loads(done.out)

    assert done.code == 0, done.err
    assert result["results"]["ok"]["decisions"][0]["by"] == "nobody"


def test_a_wrong_plan_about_people_is_refused(cli: Command, tmp_path: Path) -> None:
    """A default that answers nothing, two of one, and a fallback that is not there are found before a run."""
    (tmp_path / "plan.yaml").write_text(
        "name: p\n"
        "tasks:\n"
        "  - {id: a, kind: human, description: Go?, ask: {default: skip}}\n"
        "  - {id: b, description: x, on_failure: {ask_human: {default: approve, fallback: nobody}}}\n"
        "  - {id: c, description: x, ask: {approvals: 2}}\n",
        "utf-8",
    )
    done = cli("validate", tmp_path / "plan.yaml")

    assert done.code == 2
    for said in (
        "`default: skip` answers nothing here",
        "says nothing about a task that failed",
        "'nobody'",
        "only kind 'human' reads `ask`",
    ):
        assert said in done.out + done.err


def _record(run_id: str) -> str:
    """What a run's artifact tells of its questions."""
    with httpx.Client(base_url=os.environ["PREFECT_API_URL"]) as client:
        of_run = {"artifacts": {"key": {"any_": ["plan-questions"]}}, "flow_runs": {"id": {"any_": [run_id]}}}
        (artifact,) = client.post("/artifacts/filter", json=of_run).json()
    return str(artifact["data"])


def _asked(events: Any) -> str:
    """The run that waits, out of the next question in a stream of events."""
    for line in events:
        event = json.loads(line)
        if event["name"] == "agentic.intervention.requested":
            return str(event["waiting_run_id"])
    raise AssertionError("the run asked nothing")
