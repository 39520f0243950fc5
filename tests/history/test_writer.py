"""The thread that writes the history."""

from concurrent.futures import Future
from typing import Any

import pytest

from agentic_prefect.history.keeping import Keeping
from agentic_prefect.history.watched import Watched
from agentic_prefect.history.writer import HistoryWriter
from agentic_prefect.models.events import PlanCompleted, PlanStarted
from agentic_prefect.models.history import AnyEntry, RunEntry
from agentic_prefect.models.history_errors import HistoryUnusable
from agentic_prefect.testing.builders import make_plan
from agentic_prefect.testing.history import MemoryHistory
from tests.history.samples import USAGE, at

PATIENCE_S = 30.0


class Unsteady(MemoryHistory):
    """A store that cannot be written while it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.calls = 0

    def register(self, *entries: AnyEntry) -> None:
        self.calls += 1
        if self.is_down:
            raise HistoryUnusable("here", "it is down")
        super().register(*entries)


def started(run_id: str) -> PlanStarted:
    """The beginning of a run."""
    return PlanStarted(at=at(0), plan="trip", run_id=run_id, tasks=1)


def keeping(store: MemoryHistory, run_id: str = "run-1") -> Keeping:
    """What keeps a run."""
    return Keeping(Watched(make_plan({"id": "a"}, name="trip"), run_id, lineage=run_id), lambda: store)


def done(future: "Future[Any]") -> Any:
    """What it gives."""
    return future.result(timeout=PATIENCE_S)


def test_what_was_handed_in_is_written() -> None:
    """Without anybody asking; and when somebody asks, it is there."""
    store, writer = MemoryHistory(), HistoryWriter(gather_s=0)
    first, second = keeping(store), keeping(store, "run-2")
    writer.hand_in(first, started("run-1"))
    done(writer.call(lambda: None))
    unasked = [run.id for run in store.find(RunEntry)]
    writer.hand_in(second, started("run-2"))
    done(writer.written(second))

    assert unasked == ["run-1"]
    assert {run.id for run in store.find(RunEntry)} == {"run-1", "run-2"}


def test_events_are_written_together() -> None:
    """What comes while it gathers costs one write; whoever waits is not kept waiting for the gathering."""
    store, writer = Unsteady(), HistoryWriter(gather_s=3600)
    one = keeping(store)
    for _ in range(50):
        writer.hand_in(one, started("run-1"))
    done(writer.written(one))

    assert store.calls == 1


def test_a_store_that_fails_is_told_of_when_it_is_waited_for() -> None:
    """Events go on being taken in meanwhile, the store is left alone, and nothing is lost once it is back."""
    store, writer = Unsteady(), HistoryWriter(gather_s=0)
    one = keeping(store)
    store.is_down = True
    writer.hand_in(one, started("run-1"))
    done(writer.call(lambda: None))
    writer.hand_in(one, started("run-1"))
    done(writer.call(lambda: None))
    left_alone = store.calls
    with pytest.raises(HistoryUnusable, match="it is down"):
        done(writer.written(one))
    store.is_down = False
    writer.hand_in(one, PlanCompleted(at=at(9), plan="trip", run_id="run-1", usage=USAGE, elapsed_s=9.0))
    done(writer.written(one))

    assert left_alone == 1
    assert [(run.status, run.at) for run in store.find(RunEntry)] == [("completed", at(0))]
