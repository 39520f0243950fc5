"""The engine as a process of this machine: launch it, recognise it, end it, ask whether it answers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_PACKAGE_PARENT: Final = Path(__file__).resolve().parents[3]
_PROC: Final = Path("/proc")
_LOOK_AGAIN_S: Final = 0.02
_HEALTH_TIMEOUT_S: Final = 5.0


def launch(module: str, arguments: Sequence[str], *, log_path: Path) -> subprocess.Popen[bytes]:
    """Start `python -m module` on its own: it outlives this process and hears none of its terminal's signals.

    Standard output and error go to `log_path`, which starts empty.
    """
    with log_path.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # `-m` looks here first, so that a checkout that is not installed finds its own package.
            cwd=_PACKAGE_PARENT,
            start_new_session=True,
        )


def is_alive(pid: int, *, token: str) -> bool:
    """Whether process `pid` lives and has `token` on its command line; a pid that was given to another does not."""
    _reap(pid)
    return token in _command_line(pid)


def terminate(pid: int, *, token: str, grace_s: float) -> None:
    """End process `pid` if it is ours; after `grace_s` seconds without leave to speak.

    Raises:
        PermissionError: It belongs to another user.
    """
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        if not is_alive(pid, token=token):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        wait_until(lambda: not is_alive(pid, token=token), timeout_s=grace_s)


def answers(url: str) -> bool:
    """Whether llama.cpp at `url` says that it is well. Asked directly: no proxy has a say on the loopback interface."""
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=_HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Look until `condition` holds; `False` when it did not within `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_AGAIN_S)
    return True


def _reap(pid: int) -> None:
    """Take note of the end of a child, which otherwise stays on as a zombie. Others' children are not ours to reap."""
    if hasattr(os, "WNOHANG"):
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _command_line(pid: int) -> str:
    """The command line of process `pid`; empty when there is none or it cannot be read."""
    if (_PROC / "self").exists():
        try:
            return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return ""
    ps = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout
