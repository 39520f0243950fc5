"""`--policy`: what holds for a run where its plan says nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentic_prefect.testing import Fault, ScriptedServer
from tests.cli.conftest import Command

PLAN = """
name: policied
agents:
  keen: {role: writer, failure_policy: {timeout: {retry: 7}}}
defaults: {failure_policy: {overloaded: {retry: 4}}}
tasks:
  - {id: first, agent: keen, description: Write., failure_policy: {refusal: {retry: 2}}}
"""


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    """A file with policy fields."""
    path = tmp_path / "policy.yaml"
    path.write_text("retry: {base_s: 3}\nfailure_policy: {rate_limit: {retry: 9, base_s: 5}}\n")
    return path


def test_explain_names_the_place_of_each_field(
    cli: Command, policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule of each of the five places is shown with where it was set, and an option goes before a file."""  # A-Q2
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_FAILURE_POLICY", "{server: {retry: 5, max_attempts: 3}}")
    given = ("--policy", policy_file, "--policy", "failure_policy.rate_limit.retry=6", "--policy", "retries=1")
    done = cli("explain", "-", "first", *given, "--format", "json", stdin=PLAN)
    fields = {each["field"]: (each["value"], each["set_by"]) for each in json.loads(done.out)["fields"]}

    assert {name.removeprefix("failure_policy."): found for name, found in fields.items() if "_policy." in name} == {
        "refusal.retry": (2, "task"),
        "timeout.retry": (7, "agent keen"),
        "overloaded.retry": (4, "plan defaults"),
        "rate_limit.retry": (6, "run option"),
        "rate_limit.base_s": (5.0, "run option"),
        "server.retry": (5, "setting"),
        "server.max_attempts": (3, "setting"),
        "invalid_output.repair": (2, "built-in"),
    }
    assert (fields["retries"], fields["retry.base_s"]) == ((1, "run option"), (3.0, "run option"))


FAULTS = [
    ("retires=1", "there is no policy field 'retires'. Did you mean 'retries'?"),
    ("failure_policy.timeot.retry=1", "there is no error code 'timeot'. Did you mean 'timeout'?"),
    ("retries=many", "retries:"),
    ("on_failure={fallback: [spare]}", "run option on_failure: there is no task 'spare'"),
    ("nowhere.yaml", "'nowhere.yaml' cannot be read"),
]


@pytest.mark.parametrize(("given", "message"), FAULTS, ids=[given for given, _ in FAULTS])
def test_a_policy_that_cannot_hold(cli: Command, given: str, message: str, openai_env: ScriptedServer) -> None:
    """The exit code is 2, nothing is sent, and the message says what would be right."""
    done = cli("run", "-", "--model", "openai/m", "--policy", given, stdin=PLAN)

    assert (done.code, openai_env.count) == (2, 0)
    assert message in done.err


@pytest.mark.prefect
def test_a_run_takes_its_policy(cli: Command, openai_env: ScriptedServer) -> None:
    """The run tries as often as its option says."""  # A-Q2
    openai_env.answer_by_default(Fault.server_error())
    done = cli("run", "-", "-m", "openai/m", "--policy", "retries=1", "--policy", "retry.backoff=none", stdin=PLAN)

    assert (done.code, openai_env.count) == (4, 2)
