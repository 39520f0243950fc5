"""What a scripted server was asked, and how to wait for it without sleeping."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from agentic_prefect.errors import TerminalError
from agentic_prefect.testing.request import ScriptedRequest


@dataclass(frozen=True, slots=True)
class Tally:
    """The numbers of a journal at one moment."""

    count: int
    """Requests to a model that arrived, refused ones included."""
    in_flight: int
    """Those whose response is not out and whose client is still there."""
    answered: int
    """Those whose whole response went out, errors included."""
    max_in_flight: int
    """The most that were in flight at once."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The place of a request in the journal."""

    generation: int
    """How often the journal was reset before; what belongs to an older one is forgotten."""
    index: int


class NotInTime(TerminalError, TimeoutError):
    """What a test waits for did not happen.

    Args:
        awaited: What should have happened.
        timeout_s: How long it was waited for, in seconds.
        tally: What had happened by then.
    """

    def __init__(self, awaited: str, timeout_s: float, tally: Tally) -> None:
        super().__init__(awaited, timeout_s, tally)
        self.awaited, self.timeout_s, self.tally = awaited, timeout_s, tally

    def __str__(self) -> str:
        seen = self.tally
        return (
            f"Waited {self.timeout_s:g} s for {self.awaited}, in vain: {seen.count} requests arrived, {seen.answered} "
            f"were answered, {seen.in_flight} are in flight. Does the code under test use this server's `base_url`, "
            f"and has every held request been let go with `release()`?"
        )


@dataclass(eq=False, slots=True)
class _Waiter:
    """Somebody who waits for a tally."""

    is_met: Callable[[Tally], bool]
    wake: Callable[[], object]


class Journal:
    """Records of requests, in the order of arrival. May be used from every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiters: list[_Waiter] = []
        self._generation = -1
        self.reset()

    def reset(self) -> None:
        """Forget everything; requests that are in flight are not counted any more."""
        with self._lock:
            self._generation += 1
            self._records: list[ScriptedRequest] = []
            self._open: set[int] = set()
            self._answered = 0
            self._max_in_flight = 0
            self._wake()

    @property
    def generation(self) -> int:
        """How often the journal was reset."""
        return self._generation

    @property
    def tally(self) -> Tally:
        """The numbers at this moment."""
        with self._lock:
            return self._tally()

    @property
    def requests(self) -> tuple[ScriptedRequest, ...]:
        """The records at this moment."""
        with self._lock:
            return tuple(self._records)

    def arrived(self, request: ScriptedRequest) -> Ticket:
        """Note a request that has arrived whole."""
        with self._lock:
            index = len(self._records)
            self._records.append(request)
            self._open.add(index)
            self._max_in_flight = max(self._max_in_flight, len(self._open))
            self._wake()
            return Ticket(self._generation, index)

    def closed(self, ticket: Ticket, *, status: int | None, answered_at: float | None) -> None:
        """Note the end of a request; the first end counts.

        Args:
            answered_at: `None` when the response broke off.
        """
        with self._lock:
            if ticket.generation != self._generation or ticket.index not in self._open:
                return
            self._open.remove(ticket.index)
            record = self._records[ticket.index]
            self._records[ticket.index] = replace(record, status=status, answered_at=answered_at)
            self._answered += answered_at is not None
            self._wake()

    def wait_until(self, is_met: Callable[[Tally], bool], *, awaited: str, timeout_s: float) -> None:
        """Block this thread until `is_met` is true of the tally.

        Raises:
            NotInTime: It was not within `timeout_s` seconds.
        """
        event = threading.Event()
        waiter = self._enlist(is_met, event.set)
        woken = event.wait(timeout_s)
        self._leave(waiter, woken, awaited=awaited, timeout_s=timeout_s)

    async def wait_until_async(self, is_met: Callable[[Tally], bool], *, awaited: str, timeout_s: float) -> None:
        """Do the same as `wait_until`, for code that runs in an event loop."""
        loop = asyncio.get_running_loop()
        event = asyncio.Event()
        waiter = self._enlist(is_met, lambda: loop.call_soon_threadsafe(event.set))
        try:
            await asyncio.wait_for(event.wait(), timeout_s)
            woken = True
        except TimeoutError:
            woken = False
        finally:
            self._discharge(waiter)
        self._leave(waiter, woken, awaited=awaited, timeout_s=timeout_s)

    def _enlist(self, is_met: Callable[[Tally], bool], wake: Callable[[], object]) -> _Waiter:
        waiter = _Waiter(is_met, wake)
        with self._lock:
            self._waiters.append(waiter)
            self._wake()
        return waiter

    def _leave(self, waiter: _Waiter, woken: bool, *, awaited: str, timeout_s: float) -> None:
        self._discharge(waiter)
        if not woken:
            raise NotInTime(awaited, timeout_s, self.tally)

    def _discharge(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _tally(self) -> Tally:
        return Tally(len(self._records), len(self._open), self._answered, self._max_in_flight)

    def _wake(self) -> None:
        """Wake those whose condition holds; the lock is held."""
        if not self._waiters:
            return
        tally = self._tally()
        for waiter in [waiter for waiter in self._waiters if waiter.is_met(tally)]:
            self._waiters.remove(waiter)
            waiter.wake()
