"""The command line, called in this process or as the program that a user calls."""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentic_prefect.cli import main

PROGRAM = Path(sys.executable).with_name("agentic-prefect")
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model of this machine answers, whatever its user has fetched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line in this process."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    for logger in map(logging.getLogger, ("", "agentic_prefect", "prefect._internal", "uvicorn", "fastapi")):
        monkeypatch.setattr(logger, "handlers", list(logger.handlers))

    def call(*arguments: object, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Done(int(end.value.code or 0), out, err)

    return call


@pytest.fixture
def program(tmp_path: Path) -> Command:
    """The installed program, in a process of its own; a variable that is `None` is not set for it."""

    def call(*arguments: object, stdin: str = "", **variables: str | None) -> Done:
        environment = {**os.environ, **variables}
        ended = subprocess.run(
            [str(PROGRAM), *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            cwd=tmp_path,
            env={name: value for name, value in environment.items() if value is not None},
        )
        return Done(ended.returncode, ended.stdout, ended.stderr)

    return call


PLAN = """
name: small
inputs:
  topic: {type: string, default: tea}
  count: {type: integer, default: 2}
agents:
  writer: {role: writer}
tasks:
  - id: first
    agent: writer
    description: "First about {{ inputs.topic }}, {{ inputs.count }} words"
  - id: second
    agent: writer
    description: "Second about {{ inputs.topic }}"
  - id: last
    agent: writer
    description: "Last"
    input: {notes: "{{ tasks.first.output }}"}
result: {last: "{{ tasks.last.output }}", count: "{{ inputs.count }}"}
"""


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    """A plan of three tasks, two of them at once."""
    path = tmp_path / "small.yaml"
    path.write_text(PLAN)
    return path


def hears_hangups() -> None:
    """Run first in a child process: it hears SIGHUP although these tests may be run by `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
