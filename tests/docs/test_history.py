"""The page on the history: its examples run, and its tables are complete."""

import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from agentic_prefect.cli.failure_counts import By
from agentic_prefect.history.sql_store import SqlHistory
from agentic_prefect.history.tables import TABLES
from agentic_prefect.models.history import Metric, Resolution
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.settings import AgenticSettings
from tests.cli.conftest import Command, cli  # noqa: F401  # a fixture
from tests.docs.test_guides import DOCS, blocks, first_column
from tests.history.samples import a_failure, a_run, a_task

PAGE = (DOCS / "history.md").read_text("utf-8")
COMMANDS = [line.partition("#")[0].strip() for line in blocks("history.md", "bash")[0].splitlines()]
PREFIX = "PREFECT_INTEGRATIONS_AGENTIC_"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A history of one run with a failed task."""
    now = datetime.now(UTC)
    when = {"at": now, "updated_at": now}
    path = tmp_path / "history.db"
    SqlHistory(f"sqlite:///{path}").register(
        a_run(1, **when),
        a_task(1, run_id="run-1", status=TaskStatus.FAILED, attempts=3, code="max_retries_exceeded", **when),
        a_task(2, run_id="run-1", duration_s=3.5, at=now.replace(microsecond=0)),
        a_failure(1, run_id="run-1", **when),
        a_failure(2, run_id="run-1", **when),
        a_failure(3, run_id="run-1", code="refusal", **when),
    )
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_does_something(
    cli: Command,  # noqa: F811
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    """Every line on the page is a command that finds the run, or the lack of one."""
    monkeypatch.setenv(f"{PREFIX}HISTORY_URL", f"sqlite:///{file}")
    program, *arguments = shlex.split(command)
    done = cli(*arguments)

    assert (program, done.code, done.err) == ("agentic-prefect", 0, "")
    assert done.out


def test_the_python_example_prints_what_it_says(file: Path) -> None:  # L-44
    """The remark at its end is what is printed."""
    (code,) = blocks("history.md", "python")
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=file.parent, capture_output=True, text=True, timeout=120, check=False
    )
    wanted = code.rpartition("# prints:\n")[2].replace("# ", "")

    assert ended.stdout == wanted, ended.stderr[-2000:]


def test_every_setting_is_on_the_page() -> None:
    """With its name in the environment, and its default."""
    settings = {name: field for name, field in AgenticSettings.model_fields.items() if name.startswith("history")}

    assert first_column("history.md", "Settings") == {f"{PREFIX}{name.upper()}" for name in settings}
    for name in ("history", "history_texts"):
        assert f"| `{PREFIX}{name.upper()}` | `{str(settings[name].default).lower()}` |" in PAGE
    assert f"HISTORY_REPORT_EVERY` | `{settings['history_report_every'].default}` |" in PAGE


def test_every_word_is_on_the_page() -> None:
    """Tables, groups, metrics and resolutions."""
    words = {*get_args(By), *get_args(Metric), *get_args(Resolution)}

    assert first_column("history.md", "What is kept") == {table.name for table in TABLES.values()}
    assert [word for word in words if f"`{word}`" not in PAGE] == []
