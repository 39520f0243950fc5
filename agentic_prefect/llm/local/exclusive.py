"""One process at a time: a lock that the operating system releases when its holder dies."""

import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

_LOOK_AGAIN_S: Final = 0.2


@contextmanager
def exclusive(path: Path, *, timeout_s: float) -> Generator[None]:
    """Hold the lock file `path` while the body runs; other processes and threads wait for it.

    SQLite's own file lock is used because it is the standard library's only one that works alike on every system.

    Raises:
        TimeoutError: Somebody else held it for `timeout_s` seconds.
        OSError: The lock file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(_open(path)) as connection:
        _acquire(connection, path, timeout_s=timeout_s)
        yield


def _open(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, timeout=_LOOK_AGAIN_S, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise OSError(f"The lock file {str(path)!r} cannot be used: {error}.") from error


def _acquire(connection: sqlite3.Connection, path: Path, *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            # Short waits in a loop, not one long one: SQLite waits in C, where Ctrl-C is not heard.
            connection.execute("BEGIN EXCLUSIVE")
            return
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise OSError(f"The lock file {str(path)!r} cannot be used: {error}.") from error
            if time.monotonic() >= deadline:
                raise TimeoutError(
                    f"Another process has held {str(path)!r} for {timeout_s:g} s. Wait for it to end, then try again."
                ) from error
