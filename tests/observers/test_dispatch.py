"""Every observer hears everything in order, and none can harm the run or another observer."""

import asyncio
import logging
from itertools import pairwise
from typing import Any, cast

import pytest

from agentic_prefect.models.events import Event
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.observers.dispatch import Dispatcher, NotAnObserver
from agentic_prefect.testing.recording import RecordingObserver
from tests.observers.samples import EVENTS, changed


class Raising:
    """Fails at every event, with the errors given, in turn."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = errors
        self.heard = 0

    def on_event(self, event: Event) -> None:
        self.heard += 1
        raise self.errors[(self.heard - 1) % len(self.errors)]


class Flushing(RecordingObserver):
    """Writes out when `gate` opens; raises `fault` if there is one."""

    def __init__(self, *, gate: asyncio.Event | None = None, fault: Exception | None = None) -> None:
        super().__init__()
        self.gate, self.fault, self.begun, self.flushed = gate, fault, 0, 0

    async def flush(self) -> None:
        self.begun += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.flushed += 1


class Patient(Flushing):
    """One that says how long its last writing may take."""

    def __init__(self, patience_s: float, gate: asyncio.Event) -> None:
        super().__init__(gate=gate)
        self.patience_s = patience_s


def test_every_observer_hears_every_event_in_order() -> None:
    """Two observers hear the same events; the states of a task are chained."""  # F-09, F-10
    first, second = RecordingObserver(), RecordingObserver()
    dispatcher = Dispatcher([first, second])
    steps = [TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.FAILED, TaskStatus.RETRYING, TaskStatus.IN_PROGRESS]
    for old, new in pairwise(steps):
        dispatcher.notify(changed(old, new))

    assert first.statuses("write") == steps
    assert first.events == second.events
    assert dispatcher.count == len(dispatcher) == 2


def test_a_removed_observer_hears_nothing_more() -> None:  # F-10
    """Removal counts from the next event on; to remove it again, or to add another one twice, changes nothing."""
    stays, goes = RecordingObserver(), RecordingObserver()
    dispatcher = Dispatcher([stays, goes, stays])
    dispatcher.notify(EVENTS[0])
    dispatcher.remove(goes)
    dispatcher.remove(goes)
    dispatcher.notify(EVENTS[1])

    assert (len(stays.events), len(goes.events), dispatcher.count) == (2, 1, 1)


def test_an_observer_may_leave_while_it_hears() -> None:
    """Who removes itself in the middle of an event does not make the next one miss it."""  # F-10
    later = RecordingObserver()

    class Once:
        def on_event(self, event: Event) -> None:
            dispatcher.remove(self)

    dispatcher = Dispatcher([Once(), later])
    dispatcher.notify(EVENTS[0])
    dispatcher.notify(EVENTS[1])

    assert (len(later.events), dispatcher.count) == (2, 1)


def test_a_raising_observer_changes_nothing_and_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """The others hear everything, each kind of fault is logged once with its traceback, the rest is counted."""  # F-11
    faulty, other = Raising(ValueError("first"), KeyError("second")), RecordingObserver()
    dispatcher = Dispatcher([faulty, other])
    with caplog.at_level(logging.WARNING):
        for event in EVENTS:
            dispatcher.notify(event)

    assert [event.name for event in other.events] == [event.name for event in EVENTS]
    assert faulty.heard == dispatcher.failures["Raising"] == len(EVENTS)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "Observer Raising failed when it heard agentic.plan.started",
        "Observer Raising failed when it heard agentic.task.status_changed",
    ]
    assert all("\nTraceback (most recent call last):\n" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), asyncio.CancelledError()], ids=lambda error: type(error).__name__
)
def test_a_request_to_stop_passes_through(error: BaseException) -> None:
    """Ctrl-C and cancellation are no faults of an observer."""
    dispatcher = Dispatcher([Raising(cast("Exception", error))])

    with pytest.raises(type(error)):
        dispatcher.notify(EVENTS[0])
    assert not dispatcher.failures


class Late:
    """Hears with a coroutine, which nobody would await."""

    async def on_event(self, event: Event) -> None:
        raise AssertionError


@pytest.mark.parametrize("thing", [Late(), object(), print], ids=["async", "no_method", "function"])
def test_what_cannot_hear_is_refused_at_once(thing: Any) -> None:
    """A thing without a plain `on_event` is refused by a message that says what an observer is."""
    with pytest.raises(NotAnObserver, match=r"is no observer. An observer has a plain method `on_event\(event\)`"):
        Dispatcher([thing])


async def test_flush_reaches_all_and_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A failing flush is logged once and counted; the others write; a plain observer is left alone."""  # F-11
    good, bad = Flushing(), Flushing(fault=OSError("no server"))
    dispatcher = Dispatcher([bad, RecordingObserver(), good])
    with caplog.at_level(logging.WARNING):
        await dispatcher.flush()
        await dispatcher.flush()

    assert (good.flushed, dict(dispatcher.failures)) == (2, {"Flushing": 2})
    assert [record.getMessage().split(". The run")[0] for record in caplog.records] == [
        "Observer Flushing failed when it wrote out what it had: OSError: no server"
    ]


async def test_a_flush_that_never_ends_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    """After its time it is cancelled and reported, and whoever was quick has written."""
    stuck, good = Flushing(gate=asyncio.Event()), Flushing()
    dispatcher = Dispatcher([stuck, good], flush_timeout_s=0.01)
    with caplog.at_level(logging.WARNING):
        await dispatcher.flush()

    assert (stuck.flushed, good.flushed, dispatcher.failures["Flushing"]) == (0, 1, 1)
    assert "TimeoutError: flush() took longer than 0.01 s" in caplog.text


async def test_at_the_end_of_a_run_some_are_given_more_time(caplog: pytest.LogCaptureFixture) -> None:
    """An observer whose server may be away is waited for as long as it says, and no longer; the others are not."""
    gate, never = asyncio.Event(), asyncio.Event()
    away, gone, stuck = Patient(60.0, gate), Patient(0.02, never), Flushing(gate=never)
    dispatcher = Dispatcher([away, stuck], flush_timeout_s=0.01)
    asyncio.get_running_loop().call_later(0.05, gate.set)
    with caplog.at_level(logging.WARNING):
        await dispatcher.flush(patiently=True)
        await Dispatcher([gone], flush_timeout_s=0.01).flush(patiently=True)

    assert (away.flushed, stuck.flushed, dispatcher.failures["Flushing"]) == (1, 0, 1)
    assert [record.getMessage().split(". The run")[0].rpartition(": ")[2] for record in caplog.records] == [
        "flush() took longer than 0.01 s", "flush() took longer than 0.02 s",
    ]  # fmt: skip


async def test_a_cancelled_caller_does_not_break_off_the_writing() -> None:
    """What was begun is ended before the next flush begins, so that nothing is written twice."""
    gate = asyncio.Event()
    observer = Flushing(gate=gate)
    dispatcher = Dispatcher([observer])
    first = asyncio.create_task(dispatcher.flush())
    await _let_others_run()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(dispatcher.flush())
    await _let_others_run()
    begun_meanwhile = observer.begun
    gate.set()
    await second

    assert (begun_meanwhile, observer.begun, observer.flushed) == (1, 2, 2)


async def _let_others_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
