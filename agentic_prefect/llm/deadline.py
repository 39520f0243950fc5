"""A time limit that does not run while something waits."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType


class Deadline:
    """Ends what runs within it, as `asyncio.timeout` does, after so much time that was not spent waiting.

    Args:
        limit_s: Seconds; `None` is no limit.
    """

    def __init__(self, limit_s: float | None) -> None:
        self._timeout = asyncio.timeout(limit_s)
        self._waits = 0
        self._left_s: float | None = None

    @property
    def expired(self) -> bool:
        """Whether the time was up."""
        return self._timeout.expired()

    @property
    def left_s(self) -> float | None:
        """Seconds left; `None` without a limit."""
        when = self._timeout.when()
        return self._left_s if when is None else when - asyncio.get_running_loop().time()

    @property
    def stands_still(self) -> bool:
        """Whether the time does not run at this moment, since something waits."""
        return self._waits > 0

    async def __aenter__(self) -> "Deadline":
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._timeout.__aexit__(kind, error, traceback)

    @contextmanager
    def standing_still(self) -> Generator[None]:
        """The time does not run within. Of several waits at once the last one lets it go on."""
        if not self._waits and not self.expired:
            self._left_s = self.left_s
            self._timeout.reschedule(None)
        self._waits += 1
        try:
            yield
        finally:
            self._waits -= 1
            if not self._waits and self._left_s is not None and not self.expired:
                self._timeout.reschedule(asyncio.get_running_loop().time() + self._left_s)
