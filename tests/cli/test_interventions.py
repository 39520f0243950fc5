"""People asked and answering on the command line."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentic_prefect.models.budget import Budget
from agentic_prefect.models.result import PlanResult
from agentic_prefect.testing import Reply, Script, ScriptedServer
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
    # F-35
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
        run.communicate(timeout=150)
        code = run.returncode
    finally:
        run.kill()
    gone = cli("interventions", "show", first)

    assert listed["question"] == "Publish the report?"
    assert re.search(rf"{first[:8]}\S* +publishing +ok +normal", table)
    assert "Publish the report?" in shown
    assert f"interventions respond {first} --decision" in shown
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


KEYED = """\
name: keyed
tasks:
  - {id: read, description: Read it., model: openai/scripted, failure_policy: {authentication: ask_human}}
"""


@pytest.fixture
def guarded(tmp_path: Path, prefect_server: str) -> Iterator[tuple[ScriptedServer, Path, dict[str, str]]]:
    """A provider that takes one key, a plan that asks for it, and an environment with another key."""
    file = tmp_path / "keyed.yaml"
    file.write_text(KEYED, "utf-8")
    with ScriptedServer(Script(api_key=GOOD_KEY, default=Reply.text("it says so"))) as server:
        yield (
            server,
            file,
            {
                "OPENAI_API_KEY": BAD_KEY,
                "OPENAI_BASE_URL": server.base_url,
                "PREFECT_LOGGING_TO_API_ENABLED": "true",
            },
        )


# They look like no key, so that nothing but care keeps them out.
GOOD_KEY, BAD_KEY = "Okapi7Quagga9Zebra5Tapir", "Stoat4Weasel8Ermine2Polecat"


def places_of(secret: str) -> set[str]:
    """The files of the server in which a text stands: its database with all runs, states, logs, artifacts, inputs."""
    home = Path(os.environ["AGENTIC_PREFECT_TEST_HOME"]) / "server"
    return {file.name for file in home.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()}


def test_a_new_key_is_typed_at_the_terminal(
    start: Start, guarded: tuple[ScriptedServer, Path, dict[str, str]], tmp_path: Path
) -> None:
    """For a refused key `run` asks for another, shows nothing of it, and nothing is left of it."""
    # F-22
    server, plan, environment = guarded
    out = tmp_path / "result.json"
    terminal = start("run", plan, "-o", out, **environment)
    terminal.read_until(lambda: "Decision (retry, skip, abort" in terminal.text)
    terminal.write("retry\n")
    terminal.read_until(lambda: "New key, not shown" in terminal.text)
    terminal.write(f"{GOOD_KEY}\n")
    terminal.read_until(lambda: "Comment:" in terminal.text)
    terminal.write("rotated\n")
    code = terminal.wait()
    result = PlanResult.model_validate_json(out.read_text())

    assert (code, result.output) == (0, "it says so"), terminal.text[-2000:]
    assert [request.api_key for request in server.requests] == [BAD_KEY, GOOD_KEY]
    assert result.results["read"].decisions[0].secret_block == "in-memory-1"
    assert GOOD_KEY not in terminal.text + out.read_text()
    assert places_of(GOOD_KEY) == places_of(BAD_KEY) == set()
    assert places_of("in-memory-1") != set()


def test_a_new_key_is_handed_in_from_elsewhere(
    guarded: tuple[ScriptedServer, Path, dict[str, str]], tmp_path: Path, cli: Command
) -> None:
    """`respond --credentials` saves the key as a Secret block; the server keeps it encrypted, and nowhere else."""
    # F-22
    server, plan, environment = guarded
    out = tmp_path / "result.json"
    run = subprocess.Popen(
        [str(PROGRAM), "run", str(plan), "-o", str(out), "--stream", "jsonl:-"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip
    assert run.stdout is not None
    try:
        waiting = _asked(run.stdout)
        pasted = cli("interventions", "respond", waiting, "-d", "retry", "--secret-block", f"sk-{GOOD_KEY}")
        other = cli("interventions", "respond", waiting, "-d", "skip", "--credentials", stdin=GOOD_KEY)
        nothing = cli("interventions", "respond", waiting, "--credentials")
        with httpx.Client(base_url=os.environ["PREFECT_API_URL"], timeout=60, verify=False) as client:
            body = {"run_input": {"decision": "retry", "secret_block": f"sk-{GOOD_KEY}"}}
            in_the_form = client.post(f"/flow_runs/{waiting}/resume", json=body).json()
        done = cli("interventions", "respond", waiting, "--credentials", stdin=f"{GOOD_KEY}\n")
        assert done.code == 0, done.err
        run.communicate(timeout=150)
    finally:
        run.kill()
    result = PlanResult.model_validate_json(out.read_text())

    assert (pasted.code, other.code, nothing.code) == (2, 2, 2)
    assert "That is no name of a Secret block." in pasted.err
    assert "A new key goes with `--decision retry`, not 'skip'." in other.err
    assert "No key came." in nothing.err
    assert in_the_form["status"] == "REJECT"
    assert result.output == "it says so"
    assert [request.api_key for request in server.requests] == [BAD_KEY, GOOD_KEY]
    assert result.results["read"].decisions[0].secret_block == "key-keyed-read"
    said = "".join(each.out + each.err for each in (pasted, other, nothing, done))
    assert GOOD_KEY not in said + out.read_text()
    assert places_of(GOOD_KEY) == places_of(BAD_KEY) == set()
    assert places_of("key-keyed-read") != set()


def test_a_question_is_left_open(plan: Path, tmp_path: Path, cli: Command, prefect_server: str) -> None:
    """`run --ask-later` ends without waiting; `resume` asks."""
    # F-34
    out, again = tmp_path / "first.json", tmp_path / "again.json"
    done = cli("run", plan, "--ask-later", "-q", "-o", out)
    first = PlanResult.model_validate_json(out.read_text())
    run = subprocess.Popen(
        [str(PROGRAM), "resume", first.run_id, "-o", str(again), "--stream", "jsonl:-"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    try:
        cli("interventions", "respond", _asked(run.stdout), "-d", "reject", "-c", "not yet", "--by", "ann")
        run.communicate(timeout=150)
    finally:
        run.kill()

    error = first.results["ok"].error
    assert error is not None
    assert (done.code, error.type, first.results["publish"].status) == (4, "HumanInterventionRequiredError", "skipped")
    resumed = PlanResult.model_validate_json(again.read_text())
    assert resumed.results["ok"].decisions[0].comment == "not yet"


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
    with httpx.Client(base_url=os.environ["PREFECT_API_URL"], timeout=60, verify=False) as client:
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


def test_a_budget_is_raised_from_elsewhere(openai_env: ScriptedServer, tmp_path: Path, cli: Command) -> None:
    """`run --budget` stops a task, `respond --more` lets it go on; what was decided is in the result."""
    out, plan = tmp_path / "result.json", tmp_path / "thrifty.yaml"
    plan.write_text(
        "name: thrifty\ndefaults: {model: openai/scripted, failure_policy: {budget_exceeded: ask_human}}\n"
        "tasks: [{id: one, description: First.}, {id: two, description: Second., after: one}]\n",
        "utf-8",
    )
    run = subprocess.Popen(
        [str(PROGRAM), "run", str(plan), "-o", str(out), "--stream", "jsonl:-", "--budget", "calls=1"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    try:
        waiting = _asked(run.stdout)
        nothing = cli("interventions", "respond", waiting, "-d", "retry")
        done = cli("interventions", "respond", waiting, "-d", "retry", "--more", "calls=1, tokens=500")
        assert done.code == 0, done.err
        run.communicate(timeout=150)
    finally:
        run.kill()
    result = PlanResult.model_validate_json(out.read_text())

    assert nothing.code == 2
    assert "does not say how much more may be spent. Write usd=0.50, tokens=20000 or calls=10" in nothing.err
    assert (result.successful, openai_env.count) == (True, 2)
    assert result.budget is not None
    assert (result.budget.calls, result.budget.tokens) == (2, None)
    assert result.results["two"].decisions[0].more == Budget(calls=1, tokens=500)
