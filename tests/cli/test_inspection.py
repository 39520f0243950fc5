"""`validate`, `graph` and `explain`: what can be said about a plan without running it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agentic_prefect.testing import ScriptedServer
from tests.cli.conftest import PLAN, Command
from tests.prefect_server import free_port

EXPLAINED = """
name: explained
inputs: {topic: {type: string, default: tea}}
defaults: {timeout_s: 33}
agents:
  writer: {role: writer, retries: 5}
tasks:
  - {id: first, agent: writer, description: "Write about {{ inputs.topic }}", on_failure: continue}
"""


def test_a_right_plan_is_called_valid(cli: Command, plan_file: Path) -> None:
    """A plan without problems exits 0 and says how large it is."""
    done = cli("validate", plan_file)

    assert (done.code, done.err) == (0, "")
    assert "valid, 3 tasks, 1 edges, depth 2" in done.out


def test_several_plans_are_validated_at_once(cli: Command, plan_file: Path) -> None:
    """One wrong plan among several makes the exit code 2; each is reported on its own."""  # CT-06
    done = cli("validate", plan_file, "-", "--format", "json", stdin=PLAN.replace("agent: writer", "agent: wrter"))
    reports = json.loads(done.out)

    assert done.code == 2
    assert [report["valid"] for report in reports] == [True, False]
    assert "writer" in reports[1]["problems"][0]["hint"] + reports[1]["problems"][0]["message"]


@pytest.mark.parametrize(
    ("task", "code", "verdict", "told"),
    [
        (
            "description: x, depends_on: [nowhere]",
            2,
            "not valid, 2 problems",
            ["there is no task 'nowhere'", "a block 'my-agent'"],
        ),
        ("description: x", 5, "cannot be told, 1 problem", ["a block 'my-agent'"]),
    ],
)
def test_what_needs_no_server_is_told_without_one(
    task: str, code: int, verdict: str, told: list[str], program: Command
) -> None:
    """A server that does not answer hides no mistake, and a plan that only it can judge is not called wrong."""
    plan = f"name: far\ndefaults: {{agent: my-agent}}\ntasks: [{{id: ask, {task}}}]\n"
    away = f"http://127.0.0.1:{free_port()}/api"

    done = program("validate", "-", stdin=plan, PREFECT_API_URL=away)
    listed = json.loads(program("validate", "-", "--format", "json", stdin=plan, PREFECT_API_URL=away).out)

    assert done.code == code
    assert done.out == f"-: {verdict}\n"
    assert [any(words in line for line in done.err.splitlines()) for words in told] == [True] * len(told)
    assert done.err.count("Error: ") == len(told)
    assert (listed[0]["valid"], len(listed[0]["problems"])) == (False if code == 2 else None, len(told))


def test_a_wrong_plan_is_told_on_standard_error(cli: Command) -> None:
    """Each problem is one line with its place, and the count is on standard output."""
    done = cli("validate", "-", stdin=PLAN.replace("agent: writer", "agent: wrter"))

    assert done.code == 2
    assert done.err.count("Error: ") == 3
    assert "not valid, 3 problems" in done.out


@pytest.mark.parametrize(
    ("format", "words"),
    [
        ("tree", ("small", "first (writer)", "└── last (writer)")),
        ("mermaid", ("flowchart TD", "t_first --> t_last")),
        ("json", ('"roots"', '"edges"', '"depth": 2')),
    ],
)
def test_a_plan_is_drawn(format: str, words: tuple[str, ...], cli: Command, plan_file: Path) -> None:  # D-01
    """A plan is drawn as a tree, in Mermaid's words, or as data."""
    done = cli("graph", plan_file, "--format", format)

    assert done.code == 0
    assert all(word in done.out for word in words), done.out


def test_every_value_is_told_with_its_origin(cli: Command, openai_env: ScriptedServer) -> None:
    """`explain` shows what holds for a task and where it was set; the model is asked nothing."""
    done = cli("explain", "-", "first", "--model", "openai/big", stdin=EXPLAINED)
    rows = {
        words[0]: words[1:] for line in done.out.splitlines() if len(words := re.split(r"\s{2,}", line.strip())) > 2
    }

    assert done.code == 0
    assert rows["model"] == ["openai/big", "run option"]
    assert rows["timeout_s"] == ["33.0", "plan defaults"]
    assert rows["retries"] == ["5", "agent writer"]
    assert rows["on_failure"][-1] == "task"
    assert rows["retry.backoff"] == ["exponential", "built-in"]
    assert openai_env.count == 0


def test_explain_names_the_deployment(cli: Command) -> None:
    """A task whose work is a run elsewhere is answered by no model of this plan."""
    plan = "name: far\ntasks: [{id: work, kind: deployment, call: city-report, model: openai/big}]"
    found = json.loads(cli("explain", "-", "work", "--format", "json", stdin=plan).out)

    assert found["answered_by"] == "a run of deployment 'run-plan/city-report'"


def test_explain_gives_data(cli: Command) -> None:
    """The same as JSON, for programs; a missing model is told, not an error."""  # CT-06
    found = json.loads(cli("explain", "-", "first", "--format", "json", stdin=EXPLAINED).out)

    assert found["answered_by"].startswith("nobody: There is no model to ask")
    assert {"field": "timeout_s", "value": 33.0, "set_by": "plan defaults"} in found["fields"]


def test_the_prompt_of_a_task_is_shown(cli: Command) -> None:
    """`--prompt` prints what the first attempt would send, with the inputs given, and needs no model."""  # CT-06
    done = cli("explain", "-", "first", "--prompt", "--input", "topic=coffee", stdin=EXPLAINED)

    assert done.code == 0
    assert "Write about coffee" in done.out
    assert re.search(r"# Template agent\.\S+ \d+\.\d+\.\d+, hash [0-9a-f]{12}", done.out)


def test_an_unknown_task_is_named(cli: Command) -> None:
    """A task that the plan does not have gets the near name."""
    done = cli("explain", "-", "frist", stdin=EXPLAINED)

    assert done.code == 2
    assert "Did you mean 'first'?" in done.err
