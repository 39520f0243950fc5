"""`init` writes something that works, and overwrites nothing unasked."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentic_prefect.testing import ScriptedServer
from tests.cli.conftest import Command

FILES = ("plans/night-trains.yaml", "flows/night-trains.py", "prefect.yaml")


def test_init_writes_a_plan_that_is_valid(cli: Command, tmp_path: Path) -> None:
    """The three files are there under the chosen name, and the plan has no problem."""
    done = cli("init", tmp_path / "new", "--name", "night-trains")

    assert done.code == 0
    assert all((tmp_path / "new" / name).is_file() for name in FILES)
    assert cli("validate", tmp_path / "new" / FILES[0]).code == 0


@pytest.mark.prefect
def test_what_init_wrote_runs(
    cli: Command, tmp_path: Path, openai_env: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan can be rehearsed, its fallback included, and the flow gives a summary."""
    cli("init", tmp_path, "--name", "night-trains")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_MODEL", "openai/scripted")
    flow = _load(tmp_path / FILES[1]).night_trains

    rehearsed = cli("rehearse", tmp_path / FILES[0], "--fail", "write:refusal", "-o", "-")
    summary = asyncio.run(flow(text="Prefect runs flows."))

    assert rehearsed.code == 0
    assert json.loads(rehearsed.out)["output"] == "Rehearsed answer of apologise."
    assert summary.title


def test_the_deployment_names_what_is_there(cli: Command, tmp_path: Path) -> None:
    """The deployment file points at the plan that was written, in the folder it was written to."""
    cli("init", tmp_path, "--name", "night-trains")
    written = yaml.safe_load((tmp_path / "prefect.yaml").read_text())
    generic, scheduled = written["deployments"]

    assert written["pull"][0]["prefect.deployments.steps.set_working_directory"]["directory"] == str(tmp_path)
    assert (tmp_path / scheduled["parameters"]["plan"]).is_file()
    assert scheduled["schedules"][0]["cron"] == "0 7 * * 1-5"
    assert scheduled["schedules"][0]["active"] is False  # a run is paid for
    assert generic["entrypoint"] == "agentic_prefect.doors.run_plan"


def test_nothing_is_overwritten_unasked(cli: Command, tmp_path: Path) -> None:
    """A file in the way stops everything, until `--force`."""  # CT-06
    (tmp_path / "prefect.yaml").write_text("mine")

    refused = cli("init", tmp_path)
    kept = (tmp_path / "prefect.yaml").read_text()
    forced = cli("init", tmp_path, "--force")

    assert refused.code == 2
    assert "would be overwritten" in refused.err
    assert kept == "mine"
    assert not (tmp_path / "plans").exists() or forced.code == 0
    assert (tmp_path / "prefect.yaml").read_text() != "mine"


@pytest.mark.parametrize(("name", "word"), [("Night Trains", "'Night Trains'"), ("../up", "'../up'")])
def test_a_name_that_no_plan_can_have_is_refused(name: str, word: str, cli: Command, tmp_path: Path) -> None:
    """The name becomes a plan's and files' name."""
    done = cli("init", tmp_path, "--name", name)

    assert done.code == 2
    assert word in done.err
    assert list(tmp_path.iterdir()) == []


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("starter_flow", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
