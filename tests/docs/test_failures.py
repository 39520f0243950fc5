"""The page on failures: its commands do what they say."""

import shlex
from pathlib import Path

import pytest

from agentic_prefect.history.sql_store import SqlHistory
from tests.cli.conftest import Command, cli  # noqa: F401  # a fixture
from tests.docs.test_guides import blocks
from tests.history.samples import a_letter

COMMANDS = [line.partition(" #")[0].strip() for line in blocks("failures.md", "bash")[0].splitlines()]


@pytest.mark.parametrize("command", [command for command in COMMANDS if " replay " not in command])
def test_each_command_does_something(
    cli: Command,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    """Every line on the page that runs no plan finds the letter."""
    url = f"sqlite:///{tmp_path}/history.db"
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", url)
    SqlHistory(url).register(a_letter(1, id="4f1c-1", status="open"))
    program, *arguments = shlex.split(command)
    done = cli(*arguments)

    assert (program, done.code, done.err) == ("agentic-prefect", 0, "")
    assert "4f1c-1" in done.out
