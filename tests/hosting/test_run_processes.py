"""The processes of runs are ended, and those of others are left alone."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from agentic_prefect.hosting.run_processes import end_process, is_running

WAITS = "import time; print('up', flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"
Begin = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts a process, and gives it once it is up; nobody asks for its end before the test is over."""
    begun: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        begun.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True))
        assert begun[-1].stdout is not None
        assert begun[-1].stdout.readline() == "up\n"
        return begun[-1]

    yield start
    for each in begun:
        each.kill()
        each.communicate()


@pytest.mark.parametrize("code", [WAITS, DEAF], ids=["one that listens", "one that does not"])
async def test_a_process_on_this_machine_is_ended(begin: Begin, code: str) -> None:
    """It need not have been waited for by whoever started it."""
    process = begin(code)
    assert is_running(process.pid)

    await end_process(str(process.pid))

    assert not is_running(process.pid)


async def test_others_are_left_alone(begin: Begin) -> None:
    """What is written down in another way, such as a job of a cluster, is no process of this machine."""
    process = begin(WAITS)
    for place in (f"elsewhere:{process.pid}", f"-{process.pid}", "job/pod", "", None):
        await end_process(place)

    assert is_running(process.pid)
    assert is_running(os.getpid())
