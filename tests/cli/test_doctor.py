"""`doctor`: what it looks at, what it keeps to itself, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_DEFAULT_RESULT_STORAGE_BLOCK,
    PREFECT_LOCAL_STORAGE_PATH,
    temporary_settings,
)

from agentic_prefect.testing import ScriptedServer
from tests.cli.conftest import Command
from tests.prefect_server import free_port

KEY = "sk-very-secret-4711"


@pytest.mark.prefect
def test_all_is_well(cli: Command, monkeypatch: pytest.MonkeyPatch, prefect_server: str) -> None:
    """With a server and a key everything is fine; the key itself is never shown."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    done = cli("doctor")

    assert done.code == 0, done.out
    assert "prefect: 3.8" in done.out
    assert f"Prefect server: answers at {prefect_server}" in done.out
    assert f"Results: kept in {PREFECT_LOCAL_STORAGE_PATH.value()}, where only this machine finds them" in done.out
    assert "OPENAI_API_KEY is set" in done.out
    assert "Global concurrency limits: " in done.out
    assert "Model: openai/gpt-5-mini answers tasks that name no other" in done.out
    assert KEY not in done.out + done.err


@pytest.mark.prefect
def test_a_storage_that_is_not_there_is_wrong(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run would fail before its first task; the block is named, and the setting that names it."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with temporary_settings({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: "s3-bucket/nowhere"}):
        done = cli("doctor")

    assert done.code == 4
    assert "WRONG  Results: cannot be kept in s3-bucket/nowhere: " in done.out
    assert "correct PREFECT_DEFAULT_RESULT_STORAGE_BLOCK" in done.out


def test_nobody_would_answer(cli: Command) -> None:
    """Without a key and a local model the exit code is 5 and the ways out are named; a missing server is a note."""
    findings = {each["subject"]: each for each in json.loads(cli("doctor", "--format", "json").out)}
    done = cli("doctor")

    assert done.code == 5
    assert findings["Model"]["verdict"] == "bad"
    assert "OPENAI_API_KEY" in findings["Model"]["fact"]
    assert "agentic-prefect local fetch" in findings["Local model"]["remedy"]
    assert findings["Prefect server"]["verdict"] == "note"


def test_a_server_that_is_gone_is_wrong(program: Command, openai_env: ScriptedServer) -> None:
    """A server that the settings name and that does not answer is what has to be mended."""
    url = f"http://127.0.0.1:{free_port()}/api"

    done = program(
        "doctor", PREFECT_API_URL=url, PREFECT_INTEGRATIONS_AGENTIC_MODEL="openai/scripted", XDG_CACHE_HOME="/nowhere"
    )

    assert done.code == 5
    assert f"WRONG  Prefect server: The Prefect server at '{url}' cannot be reached" in done.out
    assert openai_env.count == 0


def test_a_password_in_an_address_is_not_shown(program: Command) -> None:
    """Neither in that of the model nor in that of the server."""
    port, password = free_port(), "S3cretPw99"
    address = f"http://bob:{password}@127.0.0.1:{port}"

    done = program("doctor", PREFECT_API_URL=f"{address}/api", OPENAI_BASE_URL=f"{address}/v1")
    refused = program("runs", "list", PREFECT_API_URL=f"{address}/api")

    assert f"@127.0.0.1:{port}/v1" in done.out
    assert f"@127.0.0.1:{port}/api" in refused.err
    assert password not in done.out + done.err + refused.out + refused.err


def test_a_history_that_cannot_be_opened_is_wrong(
    cli: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So is one in a folder that is not there, which nothing makes."""
    missing = tmp_path / "hstory" / "runs.db"
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", f"sqlite:///{missing}")

    findings = {each["subject"]: each for each in json.loads(cli("doctor", "--format", "json").out)}
    listed = cli("history", "list")

    assert findings["History"]["verdict"] == "bad"
    assert f"the folder '{missing.parent}' does not exist" in findings["History"]["fact"]
    assert listed.code == 2
    assert f"the folder '{missing.parent}' does not exist" in listed.err
    assert not missing.parent.exists()
