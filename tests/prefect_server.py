"""One real Prefect server for a whole test session, shared by all of its processes.

The first test that needs the server starts it, under a file lock; the session's first process stops it. Run as a
module, this file is the server: `prefect server start`, which also ends when the process that owns the session is gone.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from agentic_prefect.hosting.server import serve

START_TIMEOUT_S: Final = 120.0
"""A cold start takes 8 to 15 seconds; a loaded machine takes several times that."""

SERVER_ENVIRONMENT: Final = {
    # One write per task event is the server's bottleneck; in batches a task run costs a third.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    # So it is with events, and who looks for one that has just happened waits for 5 s by default.
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    # It marks pools whose workers are gone; on SQLite it fails beside other writers, and all of them wait for a minute.
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
}


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ensure_started(home: Path, *, api_url: str, owner_pid: int) -> None:
    """Start the session's server unless another process of the session has.

    Args:
        home: The session's folder: lock, process id, log and the server's own `PREFECT_HOME`.
        owner_pid: The process whose end also ends the server.

    Raises:
        RuntimeError: It did not answer in time or ended; the message holds the end of its log.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "pid").exists():
            process = _spawn(home, port=urlsplit(api_url).port or 0, owner_pid=owner_pid)
            (home / "pid").write_text(str(process.pid))
        _wait_until_healthy(int((home / "pid").read_text()), api_url, home / "log")


def stop(home: Path) -> None:
    """End the server that `ensure_started` left, if any, and wait until it is gone."""
    try:
        pid = int((home / "pid").read_text())
    except FileNotFoundError:
        return
    for number, patience_s in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if _has_ended(pid):
                return
            time.sleep(0.05)


def kill(home: Path) -> None:
    """End the server without a word; `ensure_started` with the same folder brings it back on the same database."""
    pid_file = home / "pid"
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    pid_file.unlink()


def _spawn(home: Path, *, port: int, owner_pid: int) -> subprocess.Popen[bytes]:
    # A test may have changed the environment; only what the server itself must differ in is set here.
    environment = {
        **os.environ,
        **SERVER_ENVIRONMENT,
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
        # Otherwise the pages are made ready inside of the installed package, by several sessions at once.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
    }
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, __file__, str(owner_pid), str(port)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_healthy(pid: int, api_url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and not _has_ended(pid):
        try:
            with urllib.request.urlopen(f"{api_url}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(
        f"The test session's Prefect server at {api_url} ended or did not answer within {START_TIMEOUT_S:.0f} s. "
        f"The end of its log:\n{log.read_text(errors='replace')[-4000:]}"
    )


def _has_ended(pid: int) -> bool:
    try:
        # Only the process that started the server may wait for it; to the others it simply disappears.
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _end_with(owner_pid: int) -> None:
    while _is_alive(owner_pid):
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)


def _serve(owner_pid: int, port: int) -> None:
    threading.Thread(target=_end_with, args=(owner_pid,), daemon=True).start()
    serve(["--host", "127.0.0.1", "--port", str(port)])


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
