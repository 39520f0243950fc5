"""A worker that this program starts, watches and ends."""

import subprocess
import sys
import threading
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from prefect.settings import PREFECT_API_URL, temporary_settings

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.server import ask_server
from agentic_prefect.cli.signals import HANGUP, heard_by_children, hearing, leave_terminal
from agentic_prefect.cli.terminal import stderr, stdout
from agentic_prefect.errors import AgenticError
from agentic_prefect.hosting.runs import end_left_behind

QUERY_S: Final = "2"
"""How often the worker looks for runs; its default of 10 s makes a click feel lost."""
_STOP_GRACE_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.5


@contextmanager
def worker_process(
    environment: Mapping[str, str], log_path: Path, *, pool: str, limit: int | None = None
) -> Generator[subprocess.Popen[bytes]]:
    """Run a worker while the body runs. Runs that are under way at the end are set to Crashed, and said.

    Args:
        environment: That of the worker, and of the runs that it starts, with the server's PREFECT_API_URL.
        log_path: Where it writes.
        pool: Whose runs it takes.
        limit: At most this many at once; `None` is no limit.
    """
    name = f"agentic-{uuid.uuid4().hex[:12]}"
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process", "--name", name]
    command += ["--limit", str(limit)] if limit else []
    # Prefect's worker takes SIGTERM for a Ctrl-C: one that ignores that has to be killed.
    with log_path.open("wb") as log, heard_by_children():
        worker = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is heard here, and then the worker is ended; both at once would end it in the middle of a run.
            start_new_session=True,
        )
    try:
        yield worker
    finally:
        worker.terminate()
        try:
            worker.wait(_STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        _end_left_behind(pool, name, api_url=environment["PREFECT_API_URL"])


def _end_left_behind(pool: str, worker: str, *, api_url: str) -> None:
    """End the runs that a worker did not bring to an end, and say which."""
    try:
        with temporary_settings({PREFECT_API_URL: api_url}):
            left = ask_server(end_left_behind(pool, worker))
    except AgenticError as error:
        stderr().print(f"Whether runs were under way could not be asked: {error}", soft_wrap=True)
        return
    for run in left:
        stdout().print(
            f"Run {run.name!r} ({run.id}) was under way and is Crashed. To go on from there: agentic-prefect resume "
            f"{run.id}",
            soft_wrap=True,
        )


def work_until_stopped(worker: subprocess.Popen[bytes], log: Path, *, goodbye: str) -> ExitCode:
    """Stay until Ctrl-C, SIGTERM, the end of the terminal, or that of the worker."""
    stop = threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        if number == HANGUP:
            leave_terminal()
        stop.set()

    with hearing(end):
        while not stop.wait(_LOOK_AGAIN_S):
            if worker.poll() is not None:
                stdout().print(f"The worker ended with exit code {worker.returncode}; its log is {log}.")
                return ExitCode.FAILED
    stdout().print(goodbye)
    return ExitCode.COMPLETED
