"""A run on a terminal: the live table, and Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.testing import Reply, ScriptedServer
from tests import patient
from tests.cli.conftest import PROGRAM, hears_hangups

pytestmark = pytest.mark.prefect

TIMEOUT_S = 90.0
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A program that runs on a terminal of its own."""

    process: subprocess.Popen[bytes]
    screen: int
    seen: str = ""

    def read_until(self, condition: Callable[[], bool]) -> None:
        """Take in what the program writes until the condition holds or the program ends."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, f"nothing came of it in {TIMEOUT_S:g} s:\n{self.seen[-3000:]}"
            if select.select([self.screen], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.screen, 65536).decode(errors="replace")
                except OSError:  # the other end was closed
                    return

    def write(self, text: str) -> None:
        """Type something."""
        os.write(self.screen, text.encode())

    def wait(self) -> int:
        """The exit code, once everything that was written has been read."""
        self.read_until(
            lambda: False if self.process.poll() is None else not select.select([self.screen], [], [], 0)[0]
        )
        return self.process.wait(TIMEOUT_S)

    @property
    def text(self) -> str:
        """What was written, without colours and movements."""
        return ESCAPES.sub("", self.seen)


Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the program on a terminal of 120 columns."""
    started: list[Terminal] = []

    def run(*arguments: object, **variables: str) -> Terminal:
        screen, inner = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40", **variables}
        process = subprocess.Popen(
            [str(PROGRAM), *map(str, arguments)],
            stdin=inner, stdout=inner, stderr=inner, cwd=tmp_path, env=environment, preexec_fn=hears_hangups,
        )  # fmt: skip
        os.close(inner)
        started.append(Terminal(process, screen))
        return started[-1]

    yield run
    for terminal in started:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait()
        os.close(terminal.screen)


def test_ctrl_c_cancels_and_keeps_what_there_is(
    start: Start, plan_file: Path, tmp_path: Path, openai_env: ScriptedServer, prefect_server: str
) -> None:
    """The first Ctrl-C ends the run as cancelled, in Prefect too, with the finished task's output in the file."""
    # C-10, CT-08, CT-03
    openai_env.on("First about", Reply.text("the first answer"))
    openai_env.answer_by_default(Reply.hold())
    out = tmp_path / "result.json"
    terminal = start("run", plan_file, "--model", "openai/scripted", "-o", out)
    terminal.read_until(lambda: openai_env.count == 3 and re.search(r"completed +first", terminal.text) is not None)

    terminal.process.send_signal(signal.SIGINT)
    code = terminal.wait()
    result = PlanResult.model_validate_json(out.read_text())

    assert code == 130
    assert "Cancellation requested…" in terminal.text
    assert "Traceback" not in terminal.text
    assert result.status is PlanStatus.CANCELLED
    assert result.results["first"].output == "the first answer"
    assert result.results["second"].status is TaskStatus.CANCELLED
    assert _state(prefect_server, result.run_id) == "CANCELLED"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_requests_to_end_are_heard_like_ctrl_c(
    number: signal.Signals,
    start: Start,
    plan_file: Path,
    tmp_path: Path,
    openai_env: ScriptedServer,
    prefect_server: str,
) -> None:
    """SIGTERM, sent twice as `timeout` does, and SIGHUP end the run as cancelled, with the result in the file."""
    openai_env.on("First about", Reply.text("the first answer"))
    openai_env.answer_by_default(Reply.hold())
    out = tmp_path / "result.json"
    terminal = start("run", plan_file, "--model", "openai/scripted", "-o", out)
    terminal.read_until(lambda: openai_env.count == 3 and re.search(r"completed +first", terminal.text) is not None)

    terminal.process.send_signal(number)
    terminal.process.send_signal(number)
    code = terminal.wait()
    result = PlanResult.model_validate_json(out.read_text())

    assert code == 130
    assert "Error" not in terminal.text
    assert result.status is PlanStatus.CANCELLED
    assert result.results["first"].output == "the first answer"
    assert _state(prefect_server, result.run_id) == "CANCELLED"


def test_a_second_ctrl_c_ends_at_once(start: Start, tmp_path: Path) -> None:
    """A function that cannot be stopped keeps the program up after one Ctrl-C, the result saved; not after two."""
    # C-10
    (tmp_path / "slow.py").write_text("import time\n\ndef nap():\n    time.sleep(600)\n")
    (tmp_path / "plan.yaml").write_text("name: nap\ntasks: [{id: nap, kind: function, call: 'slow:nap'}]\n")
    out = tmp_path / "result.json"
    variables = {"PYTHONPATH": str(tmp_path), "PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_PACKAGES": '["slow"]'}
    terminal = start("run", "plan.yaml", "-o", out, **variables)
    terminal.read_until(lambda: re.search(r"running +nap|in progress +nap", terminal.text) is not None)

    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until(lambda: out.exists() and "Execution Summary" in terminal.text)
    is_still_up = terminal.process.poll() is None
    terminal.process.send_signal(signal.SIGINT)
    code = terminal.wait()

    assert PlanResult.model_validate_json(out.read_text()).status is PlanStatus.CANCELLED
    assert is_still_up
    assert code == 130
    assert "Ended at once" in terminal.text
    assert "Traceback" not in terminal.text


def test_the_terminal_shows_a_table_with_progress(start: Start, plan_file: Path) -> None:
    """On a terminal there is a table that is drawn anew, its progress, and a box at the end."""  # C-03, L-57
    terminal = start("rehearse", plan_file)

    code = terminal.wait()

    assert code == 0
    assert "\x1b[" in terminal.seen
    assert re.search(r"Status +Task +Agent +Duration +Output", terminal.text)
    assert "Progress: 100% (3/3) - Elapsed:" in terminal.text
    assert "Execution Summary" in terminal.text
    assert "Plan 'small' started" not in terminal.text


def test_no_color_is_respected(start: Start, plan_file: Path) -> None:
    """With NO_COLOR set the table has no colours, even on a terminal."""
    terminal = start("rehearse", plan_file, NO_COLOR="1")

    terminal.wait()

    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", terminal.seen)
    assert "Progress: 100%" in terminal.text


def _state(api_url: str, run_id: str) -> Any:
    """The state of the flow run, polled: the server lags behind."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        state = patient.get(f"{api_url}/flow_runs/{run_id}").json()["state_type"]
        if state not in ("RUNNING", "PENDING", "CANCELLING") or time.monotonic() > deadline:
            return state
