"""Signals that ask a run to end: Ctrl-C, SIGTERM, and SIGHUP when the terminal goes away."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from types import FrameType
from typing import Any, Final, ParamSpec, TypeVar

from rich.console import Console

from agentic_prefect.cli.exit_codes import ExitCode
from agentic_prefect.cli.progress import Progress
from agentic_prefect.runtime.stop import StopSignal

P = ParamSpec("P")
T = TypeVar("T")

HANGUP: Final = getattr(signal, "SIGHUP", None)
"""`None` on Windows."""


@contextmanager
def hearing(hear: Callable[[int, FrameType | None], None]) -> Generator[None]:
    """While the body runs, call `hear` for whatever asks this process to end. Main thread only.

    A SIGHUP that this process was started to ignore, as by `nohup`, stays ignored.
    """
    hangup = [HANGUP] if HANGUP is not None and signal.getsignal(HANGUP) is not signal.SIG_IGN else []
    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM, *hangup)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def heard_by_children() -> Generator[None]:
    """While the body runs, what is started hears Ctrl-C, though this process was started to ignore it, as by `&`.

    Only the main thread may say so; in any other nothing changes.
    """
    is_heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    if is_heard or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class LoopThread:
    """An event loop in a thread of its own, which sees the context of the thread that makes it.

    In the main thread a flow of Prefect's takes SIGTERM for itself and ends as Crashed; in any other it cannot.
    """

    def __init__(self) -> None:
        self._thread, self._runner = ThreadPoolExecutor(1, "run"), asyncio.Runner()
        self._context = copy_context()
        self.loop = self.do(self._runner.get_loop)

    def do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the thread and wait for it; signals are heard meanwhile."""
        return self._thread.submit(self._context.run, function, *args, **kwargs).result()

    def run(self, work: Any) -> Any:
        """What a coroutine gives."""
        return self.do(self._runner.run, work)

    def close(self) -> None:
        """Wait for everything that still runs in threads of the loop, and close it."""
        self.do(self._runner.close)
        self._thread.shutdown()


@contextmanager
def signals_stop(
    stop: StopSignal, loop: asyncio.AbstractEventLoop, progress: Progress, console: Console
) -> Generator[None]:
    """While the body runs, the first signal stops the run in the loop, and a Ctrl-C after it ends the process at once.

    Main thread only.
    """
    heard: set[int] = set()

    def stop_run(name: str) -> None:
        stop.request(name)
        console.print("Cancellation requested… Press Ctrl-C again to end at once.")

    def hear(number: int, _frame: FrameType | None) -> None:
        if heard and number == signal.SIGINT:
            progress.close()
            console.print("Ended at once. What still ran in Prefect is left as it was.")
            os._exit(ExitCode.CANCELLED)
        if number == HANGUP:
            leave_terminal()
        if not heard:
            loop.call_soon_threadsafe(stop_run, "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)
        heard.add(number)

    with hearing(hear):
        yield


def leave_terminal() -> None:
    """Have what is still written to the terminal go nowhere: it is gone, and writing to it would be an error."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        if os.isatty(stream):
            os.dup2(nowhere, stream)
