"""Functions that tests have run elsewhere, and a task runner. What they import must be importable there."""

import logging
import os
import time
from pathlib import Path
from threading import get_ident

from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.task_runners import PrefectTaskRunner, ThreadPoolTaskRunner

from agentic_prefect.errors import CriticalError
from agentic_prefect.models.base import Frozen

KEY = "sk-1234567890abcdefghijklmnop"

threads = ThreadPoolTaskRunner(max_workers=2)
"""A task runner that starts in no time."""
made: list[str] = []
"""What was made of task runners here."""


class Counted(ThreadPoolTaskRunner):
    """A task runner that is made from its class."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)

    def duplicate(self) -> "Counted":
        """Another one like it."""
        return Counted()

    def __enter__(self) -> "Counted":
        made.append("started")
        return super().__enter__()

    def __exit__(self, *how: object) -> None:
        made.append("ended")
        super().__exit__(None, None, None)


class Unreachable(Counted):
    """A task runner whose place is out of reach."""

    def duplicate(self) -> "Unreachable":
        """Another one like it."""
        return Unreachable()

    def __enter__(self) -> "Unreachable":
        made.append("tried")
        raise ConnectionError("nobody there")


served = PrefectTaskRunner()
"""One that only does tasks that are served."""


class Number(Frozen):
    """A model, which goes out and comes back as plain data."""

    n: int = 0


class Fussy(Exception):
    """Pickled, it cannot be read again: its constructor wants more than it hands on."""

    def __init__(self, message: str, *, detail: str) -> None:
        super().__init__(message)
        self.detail = detail


def doubled(number: Number) -> Number:
    """A plain function with a model in and out."""
    return Number(n=number.n * 2)


def place() -> list[object]:
    """The process that this runs in, and the run that Prefect knows around it."""
    return [os.getpid(), flow_run.id]


async def place_async() -> int:
    """The process that an async function runs in."""
    return os.getpid()


def bad_value() -> None:
    """Raises what can be pickled, with a cause."""
    try:
        raise CriticalError("the cause")
    except CriticalError as cause:
        raise ValueError(f"the key is {KEY}") from cause


def bad_fussy() -> None:
    """Raises what cannot."""
    raise Fussy("not like this", detail="x")


def tells() -> list[str]:
    """Writes secrets to the log of its run, and returns what would be kept of that.

    Another function may run beside it in the same process, in a thread of its own.
    """
    kept, own_thread = list[str](), get_ident()
    handler = logging.Handler()
    handler.addFilter(lambda record: record.thread == own_thread)
    handler.emit = lambda record: kept.append(record.getMessage())
    logger = logging.getLogger("prefect.task_runs")
    logger.addHandler(handler)
    try:
        get_run_logger().warning("the key is %s, the code is %s", KEY, "ours-42")
    finally:
        logger.removeHandler(handler)
    return kept


def spins(marker: Path) -> None:
    """Leaves its process's id behind, and works until it is interrupted, which it writes down."""
    marker.write_text(str(os.getpid()))
    try:
        for _ in range(6_000):
            time.sleep(0.01)
    except BaseException as error:
        marker.write_text(type(error).__name__)
        raise


def dies(marker: Path) -> int:
    """Ends its process the first time."""
    if not marker.exists():
        marker.touch()
        os._exit(3)
    return os.getpid()
