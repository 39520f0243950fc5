"""What is seen of a run while it goes on."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Final, Protocol

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from agentic_prefect.models.events import Event
from agentic_prefect.models.plan import Plan
from agentic_prefect.observers.log import LogObserver
from agentic_prefect.reports.console import live_view
from agentic_prefect.reports.live import LiveRun
from agentic_prefect.reports.model import report_of

REFRESH_S: Final = 0.2
_ROWS_BESIDE: Final = 4
"""Lines of the terminal that the table of tasks does not get."""


class Progress(Protocol):
    """Shows a run. An observer, and something to be kept going beside the run."""

    live: LiveRun
    """What was heard so far."""

    def on_event(self, event: Event) -> None:
        """Hear what happened."""
        ...

    async def keep_going(self) -> None:
        """Refresh what is seen until cancelled."""
        ...

    def making_room(self) -> AbstractContextManager[None]:
        """Draw nothing while the body runs: somebody types."""
        ...

    def close(self) -> None:
        """Leave the terminal as it should be left. Closing again does nothing."""
        ...


class Silence:
    """Shows nothing and remembers what happened."""

    def __init__(self) -> None:
        self.live = LiveRun()

    def on_event(self, event: Event) -> None:
        """Remember it."""
        self.live.hear(event)

    async def keep_going(self) -> None:
        """Nothing has to be refreshed."""

    def making_room(self) -> AbstractContextManager[None]:
        """Nothing is drawn anyway."""
        return nullcontext()

    def close(self) -> None:
        """Nothing was opened."""


class Lines(Silence):
    """One plain line per thing that happened."""

    def __init__(self, console: Console, *, rehearsal: bool) -> None:
        super().__init__()
        log = logging.Logger("agentic_prefect.cli.progress", level=logging.INFO)
        log.addHandler(ConsoleHandler(console))
        self._observer = LogObserver(log, rehearsal=rehearsal)

    def on_event(self, event: Event) -> None:
        """Write the line that belongs to the event."""
        super().on_event(event)
        self._observer.on_event(event)


class LiveTable(Silence):
    """A table of the tasks that is drawn anew several times a second."""

    def __init__(self, plan: Plan, console: Console) -> None:
        super().__init__()
        self._plan, self._console = plan, console
        self._display = Live(self._view(), console=console, auto_refresh=False, vertical_overflow="crop")
        self._display.start()

    async def keep_going(self) -> None:
        """Draw the table from time to time."""
        while True:
            if self._display.is_started:
                self._display.update(self._view(), refresh=True)
            await asyncio.sleep(REFRESH_S)

    @contextmanager
    def making_room(self) -> Generator[None]:
        """Leave the table as it is while the body runs, and draw it anew below."""
        self._display.stop()
        try:
            yield
        finally:
            self._display.start()

    def close(self) -> None:
        """Draw the table a last time and give the terminal back."""
        if self._display.is_started:
            self._display.update(self._view(), refresh=True)
            self._display.stop()

    def _view(self) -> RenderableType:
        page = report_of(self._plan, {}, live=self.live, now=datetime.now(UTC))
        return live_view(page, max_rows=max(self._console.height - _ROWS_BESIDE, 1))


class ConsoleHandler(logging.Handler):
    """Writes log records to a rich console, above a live table if there is one."""

    def __init__(self, console: Console, *, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's message."""
        style = "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= logging.WARNING else ""
        self._console.print(Text(self.format(record), style=style), soft_wrap=True)


@contextmanager
def showing(
    plan: Plan, console: Console, *, quiet: bool, verbose: bool, rehearsal: bool = False
) -> Generator[Progress]:
    """Show a run while the body goes on: a live table on a terminal, plain lines otherwise.

    Args:
        quiet: Show nothing.
        verbose: Prefect's own log is shown, and it tells the same.
        rehearsal: No model is asked.
    """
    if quiet or verbose:
        progress: Progress = Silence()
    elif console.is_terminal and not console.is_dumb_terminal:
        progress = LiveTable(plan, console)
    else:
        progress = Lines(console, rehearsal=rehearsal)
    try:
        yield progress
    finally:
        progress.close()
