"""The processes that workers on this machine start for runs."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Final

_GRACE_S: Final = 5.0
_LOOK_AGAIN_S: Final = 0.1


async def end_process(infrastructure_pid: str | None) -> None:
    """End the process of a run that a worker on this machine started: it is told to end, and killed if it does not in
    five seconds.

    Args:
        infrastructure_pid: The process's number, as a process worker writes it down; anything else is left alone.
    """
    if not infrastructure_pid or not infrastructure_pid.isdigit():
        return
    if not await _ended(int(infrastructure_pid), signal.SIGTERM):
        await _ended(int(infrastructure_pid), signal.SIGKILL)


async def _ended(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return True
    for _ in range(round(_GRACE_S / _LOOK_AGAIN_S)):
        if not is_running(pid):
            return True
        await asyncio.sleep(_LOOK_AGAIN_S)
    return False


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended; one that nobody has asked for its end yet counts as ended."""
    try:
        os.kill(pid, 0)
        return _state(pid) != "Z"
    except ProcessLookupError:
        return False


def _state(pid: int) -> str:
    """The letter that Linux has for the state of a process; empty elsewhere."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
