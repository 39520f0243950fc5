"""The servers that a measurement needs: Prefect's and a model's, on loopback, stopped when it is over."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

START_TIMEOUT_S = 120.0

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "NO_PROXY": "127.0.0.1,localhost",
    # Recording in batches costs the server a third; both sides of each comparison have it.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}


class PrefectServer:
    """A Prefect server of its own, which can be killed and comes back on the same database.

    Args:
        folder: Its home, and that of those that use it.
        command: The module that starts it, and what that is told.
    """

    def __init__(self, folder: Path, command: Sequence[str] = ("prefect", "server", "start")) -> None:
        self._command = command
        self._port = _free_port()
        self.api_url = f"http://127.0.0.1:{self._port}/api"
        self._own = {**os.environ, **QUIET, "PREFECT_HOME": str(folder)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {**self._own, "PREFECT_API_URL": self.api_url}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", *self._command, "--port", str(self._port), "--no-ui"]
        self._process = subprocess.Popen(
            command, env=self._own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        _wait_for(f"{self.api_url}/health")

    def kill(self) -> None:
        """End it without a word."""
        assert self._process is not None
        # What it has started itself goes with it.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Both servers; gives the environment in which a contestant finds them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _model_server() as base_url,
        PrefectServer(Path(folder)) as server,
    ):
        yield {**server.environment, "OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": base_url}


@contextmanager
def _model_server() -> Iterator[str]:
    command = [sys.executable, "-m", "agentic_prefect.testing.server", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=10)


def requests_so_far(base_url: str) -> int:
    """How many calls the model server has had."""
    with urllib.request.urlopen(f"{base_url.removesuffix('/v1')}/__requests", timeout=5) as answer:
        return int(re.findall(rb'"count":\s*(\d+)', answer.read())[0])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"{url} did not answer within {START_TIMEOUT_S:g} s")


PLAN_FILE = Path(__file__).parent / "one_call.yaml"
