"""Prefect's server without its pauses and refusals on SQLite: `python -m agentic_prefect.hosting.server --port 4200`.

It is `prefect server start` with the same options but `--background`, whose transactions wait for their turn
(`sqlite.py`), in a process whose garbage is collected beside the event loop.
SQLAlchemy leaves the cursor of a statement that SQLite refused ("database is locked") to the garbage collector.
Collected in the event loop's thread, the cursor waits for its connection; where that waits for the lock meanwhile,
whoever holds the lock cannot go on either, and the server answers nobody for a minute.
"""

import gc
import runpy
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

YOUNG_EVERY_S = 0.2
"""How often new garbage is looked for."""
ALL_EVERY = 50
"""Every so many times all objects are looked at."""


@contextmanager
def garbage_collected_aside() -> Generator[None]:
    """Within it, garbage in cycles is collected in a thread of its own, and finalizers run there."""
    done = threading.Event()
    collector = threading.Thread(target=_collect, args=(done,), name="garbage", daemon=True)
    was_enabled = gc.isenabled()
    gc.disable()
    collector.start()
    try:
        yield
    finally:
        done.set()
        collector.join()
        if was_enabled:
            gc.enable()


def _collect(done: threading.Event) -> None:
    rounds = 0
    while not done.wait(YOUNG_EVERY_S):
        rounds += 1
        if rounds % ALL_EVERY:
            gc.collect(1)
            continue
        gc.collect()
        if rounds == ALL_EVERY:
            # What was loaded at the start stays; to look at it again and again takes a good part of a processor.
            gc.freeze()


def serve(arguments: Sequence[str]) -> None:
    """Start the server and stay until it ends.

    Args:
        arguments: Options of `prefect server start`.

    Raises:
        SystemExit: It is to go to the background, where Prefect would start a server of the usual kind.
    """
    if {"--background", "-b"} & set(arguments):
        raise SystemExit(
            "--background would start Prefect's usual server. Leave it out, and let the shell do that: `&`."
        )
    # Loaded here: the half of Prefect that is its server takes a second.
    from agentic_prefect.hosting.sqlite import wait_for_turns

    wait_for_turns()
    with garbage_collected_aside():
        sys.argv = ["prefect", "--no-prompt", "server", "start", *arguments]
        runpy.run_module("prefect", run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1:])
