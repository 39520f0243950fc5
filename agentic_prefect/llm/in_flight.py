"""A limit on how many are under way at once."""

import asyncio
import threading
from collections import deque

_Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Slots:
    """So many at once in this process, in whatever threads and event loops; those that wait are served in their order.

    Args:
        most: How many.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._lock = threading.Lock()
        self._waiting: deque[_Waiter] = deque()

    @property
    def has_room(self) -> bool:
        """Whether one more would not have to wait at this moment."""
        return self._free > 0

    async def take(self) -> None:
        """Take a slot as soon as one is free; whoever has one gives it back."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            loop = asyncio.get_running_loop()
            waiter = loop, loop.create_future()
            self._waiting.append(waiter)
        try:
            await waiter[1]
        except asyncio.CancelledError:
            self._step_back(waiter)
            raise

    def give_back(self) -> None:
        """Hand the slot to whoever has waited longest."""
        with self._lock:
            while self._waiting:
                loop, turn = self._waiting.popleft()
                try:
                    loop.call_soon_threadsafe(self._grant, turn)
                except RuntimeError:  # its loop was closed
                    continue
                return
            self._free += 1

    def _grant(self, turn: "asyncio.Future[None]") -> None:
        if turn.done():
            self.give_back()
        else:
            turn.set_result(None)

    def _step_back(self, waiter: _Waiter) -> None:
        """Whoever waited was cancelled; a slot that was handed over in the same moment goes to the next."""
        turn = waiter[1]
        if turn.done() and not turn.cancelled():
            self.give_back()
            return
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
