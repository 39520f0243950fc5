"""The servers that a measurement needs: Prefect's and a model's, on loopback, stopped when it is over."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Both servers; gives the environment in which a contestant finds them."""
    with tempfile.TemporaryDirectory() as folder, _model_server() as base_url:
        environment = {**os.environ, **QUIET, "PREFECT_HOME": folder}
        port = _free_port()
        command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port), "--no-ui"]
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            api_url = f"http://127.0.0.1:{port}/api"
            _wait_for(f"{api_url}/health")
            yield {**environment, "PREFECT_API_URL": api_url, "OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": base_url}
        finally:
            server.terminate()
            server.wait(timeout=30)


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
