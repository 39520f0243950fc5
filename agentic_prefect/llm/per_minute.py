"""A limit on how much is taken a minute."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from agentic_prefect.llm.in_flight import Slots

BURST_S = 10
"""A limit is kept over stretches of this many seconds, so that a run does not begin with a burst that the provider
would refuse."""


class PerMinute:
    """So much a minute in this process, in whatever threads and event loops; those that wait are served in their order.

    A leaky bucket, which holds what may be taken in `BURST_S` seconds. Who takes more than it holds waits until it is
    empty and is owed for: those that follow wait until that has flowed off, too, a minute at most.

    Args:
        most: How much a minute.
        clock: The time in seconds.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._most, self._clock, self._sleep = most, clock, sleep
        self._burst = max(1.0, most * BURST_S / 60)
        self._rate = most / 60
        self._queue = Slots(1)
        self._level, self._at = 0.0, clock()

    def has_room(self, amount: int) -> bool:
        """Whether so much would not have to wait at this moment."""
        return self._queue.has_room and self._wait_s(amount) <= 0

    async def take(self, amount: int) -> None:
        """Take so much as soon as it may be taken; who is cancelled before has taken nothing."""
        await self._queue.take()
        try:
            while (wait_s := self._wait_s(amount)) > 0:
                await self._sleep(wait_s)
            self._level, self._at = self._level_now() + min(amount, self._most), self._clock()
        finally:
            self._queue.give_back()

    def _wait_s(self, amount: int) -> float:
        # To the microsecond: less than that would be waited for again and again.
        return round((self._level_now() + min(amount, self._burst) - self._burst) / self._rate, 6)

    def _level_now(self) -> float:
        return max(0.0, self._level - (self._clock() - self._at) * self._rate)
