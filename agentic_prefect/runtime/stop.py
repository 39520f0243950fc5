"""A way to stop a run from outside of it."""

from collections.abc import Callable


class StopSignal:
    """Somebody who wants a run to stop says so here; asking twice is asking once."""

    def __init__(self) -> None:
        self.reason = ""
        self._listeners: list[Callable[[str], None]] = []

    def request(self, reason: str) -> None:
        """Stop the run. Must be called in the run's own thread."""
        if self.reason:
            return
        self.reason = reason
        for listener in self._listeners:
            listener(reason)

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the reason when a stop is asked for; at once if it was already."""
        self._listeners.append(listener)
        if self.reason:
            listener(self.reason)
