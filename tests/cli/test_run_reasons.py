"""`explain RUN`: why each branch of a run was taken."""

import json
from pathlib import Path

import pytest

from agentic_prefect.models.result import PlanResult
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from tests.cli.conftest import Command

pytestmark = pytest.mark.prefect

PLAN = """
name: branches
tasks:
  - {id: sort, description: Sort it.}
  - {id: praise, description: Praise it., when: "{{ tasks.sort.output == 'good' }}"}
  - {id: blame, description: Blame it., when: "{{ tasks.sort.output == 'bad' }}"}
  - {id: send, description: Send it., after: [praise], on_failure: {fallback: [post]}}
  - {id: post, description: Post it.}
  - {id: file, description: File it., after: [send], retry: {base_s: 0}}
"""


def test_it_is_told_why_each_branch_was_taken(
    tmp_path: Path, cli: Command, openai_env: ScriptedServer, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A condition that held and one that did not, a fallback and what it stood in for, a retry."""
    # D-16
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", f"sqlite:///{tmp_path}/history.db")
    openai_env.on("Sort it.", Reply.text("good"))
    openai_env.on("Send it.", Fault.refusal())
    openai_env.on("File it.", Fault.status(500), Reply.text("filed"))
    (tmp_path / "plan.yaml").write_text(PLAN)
    ran = cli("run", tmp_path / "plan.yaml", "--model", "openai/scripted", "-o", tmp_path / "result.json", "-q")
    run_id = PlanResult.model_validate_json((tmp_path / "result.json").read_text()).run_id

    done = cli("explain", run_id[:23], "-f", "json")
    told = {each["task"]: (each["status"], each["why"]) for each in json.loads(done.out)["tasks"]}

    assert ran.code == 0, ran.err
    assert told["sort"] == ("completed", "Started at once: it waits for nothing.")
    assert told["praise"] == (
        "completed",
        "Started after 'sort' (completed), and its condition held: {{ tasks.sort.output == 'good' }}.",
    )
    assert told["blame"][0] == "skipped"
    assert "{{ tasks.sort.output == 'bad' }}" in told["blame"][1]
    assert told["send"][0] == "failed"
    assert told["send"][1].endswith("It failed for good (refusal); 'post' was tried in its place.")
    assert told["post"] == ("completed", "Stood in for 'send', which failed (refusal).")
    assert told["file"] == ("completed", "Started after 'send' (failed). It took 2 attempts.")
    assert "Stood in for 'send'" in " ".join(cli("explain", run_id).out.split())


def test_a_plan_without_a_task_is_no_run(cli: Command, plan_file: Path) -> None:
    """Whoever forgot the task is told which there are, and how a run is meant."""
    done = cli("explain", plan_file)

    assert done.code == 2
    assert "Name a task of the plan. It has: " in done.err
