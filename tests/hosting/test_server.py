"""A Prefect server that its own garbage cannot hold up."""

import gc
import runpy
import sys
import threading

import pytest
from prefect.server.database import dependencies

from agentic_prefect.hosting.server import garbage_collected_aside, serve
from agentic_prefect.hosting.sqlite import WaitingSqlite


class Held:
    """Garbage in a cycle; says which thread collected it."""

    def __init__(self, tell: threading.Event, by: list[str]) -> None:
        self.itself, self._tell, self._by = self, tell, by

    def __del__(self) -> None:
        self._by.append(threading.current_thread().name)
        self._tell.set()


def test_garbage_is_collected_in_a_thread_of_its_own() -> None:
    """A finalizer that must wait makes nobody else wait; afterwards all is as before."""
    collected, by = threading.Event(), list[str]()
    with garbage_collected_aside():
        Held(collected, by)
        kept = [[] for _ in range(10 * gc.get_threshold()[0])]  # so many that this thread would collect
        was_collected = collected.wait(timeout=60)

    assert kept
    assert was_collected
    assert by == ["garbage"]
    assert gc.isenabled()


def test_the_server_is_prefects_with_both_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Garbage is collected aside, and what writes waits for its turn, by the time Prefect starts its server."""
    seen: list[object] = []

    def start(module: str, **_: object) -> None:
        database = dependencies.provide_database_interface().database_config
        seen.extend((module, sys.argv[1:], gc.isenabled(), type(database)))

    monkeypatch.setattr(runpy, "run_module", start)
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setitem(dependencies.MODELS_DEPENDENCIES, "database_config", None)
    serve(["--port", "4200"])

    assert seen == ["prefect", ["--no-prompt", "server", "start", "--port", "4200"], False, WaitingSqlite]


def test_the_background_is_refused() -> None:
    """Prefect would start a server of the usual kind there."""
    with pytest.raises(SystemExit, match="--background"):
        serve(["--port", "4200", "-b"])
