"""Writes what runs tell into a store, in a thread of its own and many entries at a time."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from agentic_prefect.errors import AgenticError
from agentic_prefect.history.keeping import Keeping
from agentic_prefect.models.events import Event

T = TypeVar("T")

GATHER_S = 0.1
"""How long events are gathered before they are written together; a killed process loses what happened since."""


class HistoryWriter:
    """Takes in the events of any number of runs and keeps the store up to date.

    To hand in an event costs a few microseconds; the work is done in one thread, which the process waits for when it
    ends.

    Args:
        gather_s: Seconds to wait for further events before writing.
    """

    def __init__(self, gather_s: float = GATHER_S) -> None:
        self._gather_s = gather_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="agentic-history")
        self._told: deque[Keeping] = deque()
        self._is_due = False
        self._hurry = threading.Event()
        self._at_fault: set[Keeping] = set()

    def hand_in(self, keeping: Keeping, event: Event) -> None:
        """Have an event of a run written soon."""
        keeping.hear(event)
        self._told.append(keeping)
        if not self._is_due:
            self._is_due = True
            self._thread.submit(self._gather_and_write)

    def written(self, keeping: Keeping) -> Future[None]:
        """Done when everything has been written that was handed in for a run.

        It raises `HistoryUnusable` when the store could not be used; what is missing is tried again the next time.
        """
        self._hurry.set()
        return self._thread.submit(self._write_now, keeping)

    def call(self, work: Callable[[], T]) -> "Future[T]":
        """The outcome of something that is to be done in the writer's thread."""
        return self._thread.submit(work)

    def _gather_and_write(self) -> None:
        self._hurry.wait(self._gather_s)
        # Cleared before the work: what is told from here on finds the next round, or is still part of this one.
        self._is_due = False
        told: dict[Keeping, None] = {}
        while self._told:
            told[self._told.popleft()] = None
        # A store that failed is tried again at leisure, and not with every event.
        for keeping in told.keys() - self._at_fault:
            try:
                keeping.save()
            except AgenticError:
                self._at_fault.add(keeping)

    def _write_now(self, keeping: Keeping) -> None:
        self._hurry.clear()
        self._at_fault.discard(keeping)
        keeping.save()
