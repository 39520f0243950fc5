"""One at a time, and a holder that dies holds nothing."""

import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from agentic_prefect.llm.local.exclusive import exclusive

HOLD = """
import sys
from pathlib import Path
from agentic_prefect.llm.local.exclusive import exclusive

with exclusive(Path(sys.argv[1]), timeout_s=0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path, repository: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "a.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=repository,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_waits_and_gives_up(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """While another process holds the lock, a wait of no time ends in an error that names the file."""
    with pytest.raises(TimeoutError, match=r"a\.lock' for 0 s"), exclusive(tmp_path / "a.lock", timeout_s=0):
        pytest.fail("two processes hold the lock")
    holder.communicate()


def test_a_killed_holder_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """The lock of a process that was killed is free at once, though its file is still there."""
    holder.kill()
    holder.communicate()

    with exclusive(tmp_path / "a.lock", timeout_s=0):
        assert (tmp_path / "a.lock").exists()


def test_waiting_ends_when_the_holder_does(tmp_path: Path) -> None:
    """Whoever waits gets the lock once it is given back."""
    entered, order = Event(), list[str]()

    def second() -> None:
        entered.set()
        with exclusive(tmp_path / "a.lock", timeout_s=30):
            order.append("second")

    with exclusive(tmp_path / "a.lock", timeout_s=0):
        thread = Thread(target=second)
        thread.start()
        entered.wait()
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_a_lock_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    """A folder in the lock's place is told apart from a lock that is held."""
    (tmp_path / "a.lock").mkdir()

    with pytest.raises(OSError, match=r"a\.lock"), exclusive(tmp_path / "a.lock", timeout_s=0):
        pytest.fail("a folder was locked")
