"""Tells every observer what happened, and keeps their faults away from the run."""

import asyncio
import inspect
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from agentic_prefect.errors import AgenticError, TerminalError
from agentic_prefect.models.events import Event
from agentic_prefect.policies.disclosure import Disclosure
from agentic_prefect.ports import FlushingObserver, Observer, PatientObserver

Log = logging.Logger | logging.LoggerAdapter[Any]

FLUSH_TIMEOUT_S = 10.0


class NotAnObserver(TerminalError, TypeError):
    """Something was registered that cannot hear events."""

    def __init__(self, given: str) -> None:
        super().__init__(given)
        self.given = given

    def __str__(self) -> str:
        return (
            f"{self.given} is no observer. An observer has a plain method `on_event(event)`; "
            f"slow or async work belongs in an `async def flush()` beside it."
        )


class Dispatcher:
    """Calls observers in the order in which they were added.

    What an observer raises changes nothing: the others still hear, the run goes on, the first fault of each kind is
    logged, with its traceback unless it was raised on purpose, and every further one is only counted.

    Args:
        observers: Those that hear from the start.
        log: Where faults are reported.
        flush_timeout_s: Seconds that each observer may take to write out what it has.
        disclosure: What of an event observers may hear.
    """

    def __init__(
        self,
        observers: Iterable[Observer] = (),
        *,
        log: Log | None = None,
        flush_timeout_s: float = FLUSH_TIMEOUT_S,
        disclosure: Disclosure | None = None,
    ) -> None:
        self._disclosure = disclosure or Disclosure()
        self._log = log or logging.getLogger(__name__)
        self._flush_timeout_s = flush_timeout_s
        self._observers: tuple[Observer, ...] = ()
        self._failures: Counter[str] = Counter()
        self._reported: set[tuple[int, str]] = set()
        self._flushing = asyncio.Lock()
        self._writing: asyncio.Future[None] | None = None
        for observer in observers:
            self.add(observer)

    def add(self, observer: Observer) -> None:
        """Let an observer hear from now on; one that hears already is not added twice.

        Raises:
            NotAnObserver: It has no plain method `on_event`.
        """
        method = getattr(observer, "on_event", None)
        if not callable(method) or inspect.iscoroutinefunction(method):
            raise NotAnObserver(repr(observer))
        if not any(each is observer for each in self._observers):
            self._observers = (*self._observers, observer)

    def remove(self, observer: Observer) -> None:
        """Let it hear no more; nothing happens when it was not registered."""
        self._observers = tuple(each for each in self._observers if each is not observer)

    def __len__(self) -> int:
        return len(self._observers)

    @property
    def count(self) -> int:
        """How many observers hear."""
        return len(self)

    @property
    def failures(self) -> Mapping[str, int]:
        """How often each class of observer has failed, by its name."""
        return MappingProxyType(self._failures)

    def notify(self, event: Event) -> None:
        """Tell every observer, at once and in order. Never raises what an observer raises."""
        event = self._disclosure.shown(event)
        for observer in self._observers:
            try:
                observer.on_event(event)
            except Exception as error:  # noqa: BLE001 - whatever an observer raises, the run goes on
                self._report(observer, error, f"heard {event.name}")

    async def flush(self, *, patiently: bool = False) -> None:
        """Let the observers write out what is pending, side by side. Never raises what an observer raises.

        One that does not end in time is cancelled and counted; nobody waits for it any longer. When the caller is
        cancelled, the writing goes on, and the next flush waits for it: half-written work would be written twice.

        Args:
            patiently: Whether observers that may need longer are given the time, since there is no next flush.
        """
        # Held by the dispatcher: asyncio itself holds a task only weakly.
        self._writing = asyncio.ensure_future(self._flush_all(patiently))
        await asyncio.shield(self._writing)

    async def _flush_all(self, patiently: bool) -> None:
        async with self._flushing:
            flushing = [observer for observer in self._observers if isinstance(observer, FlushingObserver)]
            tasks = {asyncio.ensure_future(_flushed(observer.flush)): observer for observer in flushing}
            if not tasks:
                return
            done, late = await asyncio.wait(tasks, timeout=self._flush_timeout_s)
            if patiently:
                more_s = {task: each.patience_s for task in late if isinstance(each := tasks[task], PatientObserver)}
                if more_s:
                    await asyncio.wait(more_s, timeout=max(more_s.values()) - self._flush_timeout_s)
                done, late = ({task for task in tasks if task.done() is ended} for ended in (True, False))
            for task in done:
                error = asyncio.CancelledError("its flush was cancelled") if task.cancelled() else task.exception()
                if error is not None:
                    self._report(tasks[task], error, "wrote out what it had")
            for task in late:
                task.add_done_callback(_forget)
                task.cancel()
                self._report(tasks[task], self._too_long(tasks[task], patiently), "wrote out what it had")

    def _too_long(self, observer: Observer, patiently: bool) -> TimeoutError:
        limit_s = self._flush_timeout_s
        if patiently and isinstance(observer, PatientObserver):
            limit_s = observer.patience_s
        return TimeoutError(f"flush() took longer than {limit_s:g} s")

    def _report(self, observer: Observer, error: BaseException, when: str) -> None:
        name = type(observer).__name__
        self._failures[name] += 1
        fault = (id(observer), type(error).__qualname__)
        if fault in self._reported:
            return
        self._reported.add(fault)
        self._log.warning(
            "Observer %s failed when it %s: %s: %s. The run is not affected; further faults of this kind are counted, "
            "not logged.%s",
            name,
            when,
            type(error).__name__,
            self._disclosure.text(str(error)),
            self._disclosure.text(_trace(error)),
        )


def _trace(error: BaseException) -> str:
    """The traceback of an error that was not raised on purpose, as text, so that it can be redacted like any other."""
    if isinstance(error, AgenticError | TimeoutError):
        return ""
    return "\n" + "".join(traceback.format_exception(error)).rstrip()


def _forget(task: asyncio.Future[None]) -> None:
    """Look at a late task's fate, or asyncio complains that nobody did."""
    if not task.cancelled():
        task.exception()


async def _flushed(flush: Callable[[], Any]) -> None:
    await flush()
