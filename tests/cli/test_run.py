"""`run` and `rehearse`: results, where they are written, exit codes, and what each option changes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.testing import Fault, Reply, ReportedUsage, ScriptedServer
from tests.cli.conftest import PLAN, Command, Done

pytestmark = pytest.mark.prefect

MODEL = ("--model", "openai/scripted")


@dataclass(frozen=True)
class Case:
    """Faults in a rehearsal of the small plan, and how it ends."""

    id: str
    faults: tuple[str, ...]
    code: int
    status: PlanStatus


ENDS = [
    Case("all went well", (), 0, PlanStatus.COMPLETED),
    Case("one branch failed", ("second:refusal",), 3, PlanStatus.PARTIAL_FAILURE),
    Case("everything failed", ("first:refusal", "second:refusal"), 4, PlanStatus.FAILED),
]


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case.id)
def test_the_exit_code_says_how_the_plan_ended(case: Case, cli: Command, plan_file: Path, tmp_path: Path) -> None:
    """Completed is 0, a partial failure 3, a failure 4, and the result says the same."""  # CT-03
    out = tmp_path / "result.json"
    faults = [word for fault in case.faults for word in ("--fail", fault)]

    done = cli("rehearse", plan_file, "-o", out, *faults)

    assert done.code == case.code
    assert PlanResult.model_validate_json(out.read_text()).status is case.status


def test_a_run_shows_its_tasks_and_a_summary(cli: Command, plan_file: Path, openai_env: ScriptedServer) -> None:
    """Without a terminal there is a line per event, then the summary, and no escape code anywhere."""  # C-03, L-57
    done = cli("run", plan_file, *MODEL)

    assert done.code == 0
    assert "Task 'first': completed" in done.err
    assert re.search(r"Tasks: 3 total, 3 completed, 0 failed", done.out)
    assert re.search(r"Run: http://127\.0\.0\.1:\d+/v2/runs/flow-run/", done.out)
    assert "\x1b" not in done.out + done.err


READERS: dict[str, Callable[[str], Any]] = {
    "json": lambda text: PlanResult.model_validate_json(text).plan,
    "yaml": lambda text: PlanResult.model_validate(yaml.safe_load(text)).plan,
    "md": lambda text: re.search(r"small", text.splitlines()[0]) and "small",
    "html": lambda text: re.search(r"<title>[^<]*(small)", text) and "small",
    "txt": lambda text: text.splitlines()[0].removeprefix("Plan "),
}


def test_the_result_is_written_in_every_form(cli: Command, plan_file: Path, tmp_path: Path) -> None:
    """A file's ending chooses the form; one run writes them all; none of them asks a model."""  # L-57, C-03
    paths = {form: tmp_path / f"result.{form}" for form in READERS}

    done = cli("rehearse", plan_file, *(word for path in paths.values() for word in ("-o", path)))

    assert {form: READERS[form](path.read_text()) for form, path in paths.items()} == dict.fromkeys(READERS, "small")
    assert str(paths["json"]) in done.out


def test_only_the_result_goes_to_standard_output(cli: Command, plan_file: Path) -> None:
    """With `-o -` the output is the result and nothing else; everything a person reads goes elsewhere."""  # CT-04
    done = cli("rehearse", plan_file, "-o", "-")

    assert PlanResult.model_validate_json(done.out).successful
    assert "Execution" in done.err or "Tasks: 3 total" in done.err


def test_format_goes_before_the_name_of_the_file(cli: Command, plan_file: Path) -> None:
    """`--format` chooses the form for standard output, too."""  # CT-06
    assert yaml.safe_load(cli("rehearse", plan_file, "-o", "-", "--format", "yaml").out)["plan"] == "small"


def test_quiet_says_nothing_but_the_result(cli: Command, plan_file: Path) -> None:
    """`-q` leaves the terminal empty, unless something failed."""  # CT-04
    assert cli("rehearse", plan_file, "-q") == Done(0, "", "")
    assert cli("rehearse", plan_file, "-q", "-o", "-").err == ""
    assert "'second' failed" in cli("rehearse", plan_file, "-q", "--fail", "second:refusal").err


def test_prefects_own_log_is_shown_when_asked_for(program: Command, plan_file: Path) -> None:
    """Prefect's log stays off the terminal unless `-v` asks for it."""  # CT-06, L-59
    plain, verbose = program("rehearse", plan_file), program("rehearse", plan_file, "-v")

    assert (plain.code, verbose.code) == (0, 0)
    assert "Beginning flow run" not in plain.out + plain.err
    assert "Beginning flow run" in verbose.err


def test_events_are_streamed_as_lines(cli: Command, plan_file: Path, tmp_path: Path) -> None:
    """`--stream jsonl:FILE` writes each event on a line, in order; `jsonl:-` writes them to standard output."""  # C-03
    path = tmp_path / "events.jsonl"
    cli("rehearse", plan_file, "--stream", f"jsonl:{path}")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    done = cli("rehearse", plan_file, "--stream", "jsonl:-")

    assert lines[0]["name"] == "agentic.plan.started"
    assert lines[-1]["name"] == "agentic.plan.completed"
    assert json.loads(done.out.splitlines()[0])["name"] == "agentic.plan.started"
    assert "Tasks: 3 total" in done.err


def test_inputs_come_from_options_and_from_a_file(cli: Command, plan_file: Path, tmp_path: Path) -> None:
    """An input gets the type that the plan declares; an option goes before the file, the file before the default."""
    given = tmp_path / "inputs.yaml"
    given.write_text("topic: coffee\ncount: 7\n")  # CT-06

    done = cli("rehearse", plan_file, "--inputs-file", given, "--input", "count=9", "-o", "-")
    result = json.loads(done.out)

    assert result["output"]["count"] == 9
    assert "First about coffee, 9 words" in result["results"]["first"]["prompt"]["text"]


def test_the_model_of_the_command_line_is_asked(cli: Command, plan_file: Path, openai_env: ScriptedServer) -> None:
    """`--model` is the model of tasks that name none."""  # CT-06, C-03
    cli("run", plan_file, "--model", "openai/other")

    assert {request.model for request in openai_env.requests} == {"other"}


def test_the_limit_of_the_command_line_holds(cli: Command, plan_file: Path, openai_env: ScriptedServer) -> None:
    """`--max-concurrency 1` runs one task after the other."""  # CT-06, C-03
    cli("run", plan_file, *MODEL, "--max-concurrency", "1")

    assert openai_env.count == 3
    assert openai_env.max_in_flight == 1


@pytest.mark.parametrize(("limit", "calls"), [("calls=1", 1), ("tokens=5000", 3), ("usd=0.5,calls=2", 2)])
def test_the_budget_of_the_command_line_holds(
    limit: str, calls: int, cli: Command, plan_file: Path, openai_env: ScriptedServer
) -> None:
    """A call that would go over `--budget` is not sent."""  # CT-06
    openai_env.answer_by_default(Reply.text("yes", usage=ReportedUsage(input_tokens=10, output_tokens=1)))

    cli("run", plan_file, *MODEL, "--max-concurrency", "1", "--budget", limit)

    assert openai_env.count == calls


def test_a_plan_comes_from_standard_input(cli: Command) -> None:
    """`-` and `--plan -` read the plan from standard input."""  # C-03, CT-05
    assert cli("rehearse", "-", stdin=PLAN).code == 0
    assert cli("rehearse", "--plan", "-", stdin=PLAN).code == 0


def test_a_stored_plan_is_found_by_its_name(
    cli: Command, plan_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan in a folder that the settings name needs no path."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_PLANS", json.dumps([str(tmp_path)]))

    assert json.loads(cli("rehearse", "small", "-o", "-").out)["plan"] == "small"


def test_the_failure_of_a_model_is_in_the_result(cli: Command, plan_file: Path, openai_env: ScriptedServer) -> None:
    """A refused key fails the tasks, not the program: the result has the error's code, and the exit code is 4."""
    openai_env.answer_by_default(Fault.wrong_key())

    done = cli("run", plan_file, *MODEL, "-o", "-")

    assert done.code == 4
    assert json.loads(done.out)["results"]["first"]["error"]["code"] == "authentication"
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_a_run_without_a_server_brings_its_own(program: Command, plan_file: Path, tmp_path: Path) -> None:
    """Where no server is set Prefect starts one for the run, and what that one writes stays off the terminal."""
    done = program(
        *("rehearse", plan_file),
        PREFECT_API_URL=None,
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
        PREFECT_HOME=str(tmp_path / "home"),
    )
    lines = done.err.splitlines()

    assert done.code == 0, done.err
    assert lines[0] == "No Prefect server is set (PREFECT_API_URL), so one is started for this run alone."
    assert all(line.startswith(("Plan 'small'", "Task '")) for line in lines[1:]), done.err
    assert "Run:" not in done.out
