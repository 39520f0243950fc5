"""Going on from a run that has ended, or whose process was killed."""

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect.models.result import PlanResult
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from tests import patient
from tests.cli.conftest import PROGRAM, Command

pytestmark = pytest.mark.prefect

STEPS = 10


def chain(folder: Path) -> Path:
    """A plan of ten tasks, each after the one before."""
    tasks = [
        {"id": f"t{number}", "description": f"Step {number}.", "depends_on": [f"t{number - 1}"] if number else []}
        for number in range(STEPS)
    ]
    file = folder / "chain.json"
    file.write_text(json.dumps({"name": "chain", "tasks": tasks, "result": "{{ tasks.t9.output }}"}))
    return file


def test_killed_at_every_task_and_resumed(tmp_path: Path, openai_env: ScriptedServer, prefect_server: str) -> None:
    """SIGKILL at each task of ten in turn: no finished call is made again, only the one in flight."""
    # A-56, U-05
    plan, events, out = chain(tmp_path), tmp_path / "events.jsonl", tmp_path / "result.json"
    for number in range(STEPS):
        openai_env.on(f"Step {number}.", Reply.hold(), Reply.text(f"answer {number}"))
    command: list[Any] = ["run", plan, "--model", "openai/scripted"]
    killed: list[str] = []
    for number in range(STEPS):
        process = subprocess.Popen(
            [str(PROGRAM), *map(str, command), "--stream", f"jsonl:{events}", "-q"],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        openai_env.wait_for_requests(2 * number + 1, timeout_s=90)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed.append(json.loads(events.read_text().splitlines()[0])["run_id"])
        events.unlink()
        command = ["resume", killed[-1]]
    done = subprocess.run(
        [str(PROGRAM), "resume", killed[-1], "-o", str(out), "-q"],
        cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    result = PlanResult.model_validate_json(out.read_text())
    asked = Counter(next(n for n in range(STEPS) if f"Step {n}." in each.prompt_text) for each in openai_env.requests)

    assert done.returncode == 0, done.stderr
    assert result.output == "answer 9"
    assert asked == dict.fromkeys(range(STEPS), 2)
    assert [result.results[f"t{number}"].cached for number in range(STEPS)] == [True] * 9 + [False]
    assert result.usage.calls == 1
    assert patient.get(f"{prefect_server}/flow_runs/{killed[0]}").json()["state_type"] == "CRASHED"


def test_killed_between_the_calls_of_a_task(
    tmp_path: Path, cli: Command, openai_env: ScriptedServer, prefect_server: str
) -> None:
    """A task whose answer is sent back twice is killed during the third call: that one alone is made again."""
    #
    out, events = tmp_path / "result.json", tmp_path / "events.jsonl"
    task = {"id": "count", "description": "How many?", "output": {"type": "integer"},
            "failure_policy": {"invalid_output": {"repair": 2}}}  # fmt: skip
    plan = tmp_path / "counting.json"
    plan.write_text(json.dumps({"name": "counting", "tasks": [task], "result": "{{ tasks.count.output }}"}))
    openai_env.on("How many?", Reply.text("many"), Reply.text("very many"), Reply.hold(), Reply.text("7"))
    process = subprocess.Popen(
        [str(PROGRAM), "run", str(plan), "--model", "openai/scripted", "--stream", f"jsonl:{events}", "-q"],
        cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    openai_env.wait_for_requests(3, timeout_s=90)
    process.kill()
    process.wait()
    done = cli("resume", json.loads(events.read_text().splitlines()[0])["run_id"], "-o", out, "-q")
    result = PlanResult.model_validate_json(out.read_text())

    assert done.code == 0, done.err
    assert [len(each.body["messages"]) for each in openai_env.requests] == [2, 4, 6, 6]
    assert (result.output, result.usage.calls) == (7, 1)


def test_an_edited_plan_and_a_part_done_again(
    tmp_path: Path, cli: Command, plan_file: Path, openai_env: ScriptedServer, prefect_server: str
) -> None:
    """A failed run says how to go on; an edit pays for what it changes; `rerun` for a task and what follows it."""
    out = tmp_path / "result.json"
    openai_env.on("Last", Fault.status(400), Reply.text("the end"))
    failed = cli("run", plan_file, "--model", "openai/scripted", "-i", "topic=bread", "-o", out)
    run_id = PlanResult.model_validate_json(out.read_text()).run_id
    before = openai_env.count
    plan_file.write_text(plan_file.read_text().replace("Second about", "Twice about"))
    edited = cli("resume", run_id, "--plan", plan_file, "-o", out)
    result = PlanResult.model_validate_json(out.read_text())
    asked = [each.prompt_text for each in openai_env.requests[before:]]
    again = cli("rerun", result.run_id[:13], "--from", "first", "-q", "-o", out)
    asked_again = [each.prompt_text for each in openai_env.requests[before + len(asked) :]]

    assert (failed.code, edited.code, again.code) == (3, 0, 0), edited.err + again.err
    assert f"agentic-prefect resume {run_id}" in failed.err
    assert f"Going on from run {run_id} of plan 'small'." in edited.err
    assert sorted(text for text in ("Twice about bread", "Last", "First") if any(text in each for each in asked)) == [
        "Last", "Twice about bread",
    ]  # fmt: skip
    assert len(asked) == 2
    assert result.results["first"].cached
    assert "Not paid again: 1 stored result of " in edited.err + edited.out
    assert result.output == {"last": "the end", "count": 2}
    assert len(asked_again) == 2
    assert "First about bread" in asked_again[0]
    assert "Last" in asked_again[1]


def test_what_cannot_be_gone_on_from(
    tmp_path: Path, cli: Command, plan_file: Path, openai_env: ScriptedServer, prefect_server: str
) -> None:
    """A completed run, an unknown one, an unknown task: each is refused with the way out, and nothing is sent."""
    out = tmp_path / "result.json"
    cli("run", plan_file, "--model", "openai/scripted", "-q", "-o", out)
    run_id = PlanResult.model_validate_json(out.read_text()).run_id
    sent = openai_env.count
    refused = {
        "completed": cli("resume", run_id),
        "unknown": cli("resume", "00000000-0000-4000-8000-000000000000"),
        "nameless": cli("resume", "zzz"),
        "task": cli("rerun", run_id, "--from", "frist"),
        "input": cli("resume", run_id, "-i", "topc=x"),
    }

    assert {name: done.code for name, done in refused.items()} == dict.fromkeys(refused, 2)
    assert f"agentic-prefect rerun {run_id} --from TASK" in refused["completed"].err
    assert "There is no run '00000000-0000-4000-8000-000000000000'" in refused["unknown"].err
    assert "No run is called 'zzz'" in refused["nameless"].err
    assert "Did you mean 'first'?" in refused["task"].err
    assert "Did you mean 'topic'?" in refused["input"].err
    assert not any("Traceback" in done.err for done in refused.values())
    assert openai_env.count == sent


def test_a_run_that_goes_on_is_not_resumed(
    tmp_path: Path, cli: Command, plan_file: Path, openai_env: ScriptedServer, prefect_server: str
) -> None:
    """Two processes would pay for the same work; one that is certainly gone is taken for gone."""
    events = tmp_path / "events.jsonl"
    openai_env.answer_by_default(Reply.hold())
    process = subprocess.Popen(
        [str(PROGRAM), "run", str(plan_file), "--model", "openai/scripted", "--stream", f"jsonl:{events}", "-q"],
        cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        openai_env.wait_for_requests(2, timeout_s=90)
        run_id = json.loads(events.read_text().splitlines()[0])["run_id"]
        refused = cli("resume", run_id)
    finally:
        process.kill()
        process.wait()

    assert refused.code == 2
    assert "has not ended: the server says that it is running" in refused.err
    assert "`--abandoned`" in refused.err
    assert openai_env.count == 2
