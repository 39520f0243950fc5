"""The far side: what happens to a function in the process that a task runner gives it."""

import logging
import pickle
import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Cancelled, Failed
from prefect.utilities.timeout import timeout

from agentic_prefect.agents.plain_call import call_plain
from agentic_prefect.errors import AgenticError, TerminalError
from agentic_prefect.models.error import frames_of, with_frames
from agentic_prefect.policies.disclosure import Disclosure
from agentic_prefect.policies.own_patterns import own_patterns
from agentic_prefect.policies.redaction import Redactor
from agentic_prefect.runtime.redacted_logs import redact_logs_of_runs
from agentic_prefect.runtime.services import disclose
from agentic_prefect.settings import secrets


class FunctionRaised(AgenticError):
    """A function raised, elsewhere, an error that cannot be brought back as it was.

    Args:
        reference: The function.
        type: The name of the error's class.
        message: What it said.
    """

    def __init__(self, reference: str, type: str, message: str) -> None:
        super().__init__(reference, type, message)
        self.reference, self.type, self.message = reference, type, message

    def __str__(self) -> str:
        return f"The function {self.reference!r} raised {self.type}: {self.message}"


class Parcel(TerminalError):
    """An error on its way back: as it is where that can be, and in words. It is itself always picklable.

    Args:
        pickled: The error and its cause; empty where they cannot be pickled.
        reference: The function that raised it.
        type: The name of its class.
        message: What it said.
        frames: The innermost places that it passed, the last one where it was raised.
        retryable: What it says about trying again; `None` when it says nothing.
    """

    def __init__(
        self,
        pickled: bytes,
        reference: str,
        type: str,
        message: str,
        frames: tuple[str, ...],
        retryable: bool | None,
    ) -> None:
        super().__init__(pickled, reference, type, message, frames, retryable)
        self.pickled, self.reference, self.type, self.message = pickled, reference, type, message
        self.frames, self.verdict = frames, retryable

    def __repr__(self) -> str:
        return f"Parcel({self.type})"  # Prefect writes it to the log, and only the run itself knows all of its secrets

    __str__ = __repr__

    @classmethod
    def of(cls, error: Exception, reference: str) -> "Parcel":
        """An error packed."""
        verdict = getattr(error, "retryable", None)
        return cls(
            _pickled(error),
            reference,
            type(error).__name__,
            str(error) or type(error).__name__,
            frames_of(error),
            verdict if isinstance(verdict, bool) else None,
        )

    def opened(self) -> Exception:
        """The error as it was raised, else one of a class that has its name, so that policies for it hold."""
        found = _unpickled(self.pickled)
        if found is None:
            stand_in = type(self.type, (FunctionRaised,), {"retryable": self.verdict, "__module__": __name__})
            found = stand_in(self.reference, self.type, self.message)
        return with_frames(found, self.frames)


@task(name="function", retries=0, persist_result=False, cache_policy=NO_CACHE, log_prints=False)
def call_far(
    reference: str,
    given: Any,
    allowed: tuple[str, ...],
    patterns: tuple[str, ...],
    task_id: str,
    timeout_s: float | None,
) -> Any:
    """What a function returns, as JSON data; its error is in the state, in a form that every process can read.

    Args:
        reference: The function, as `package.module:name`.
        given: The task's input.
        allowed: The packages that the function may come from.
        patterns: What else is masked in logs.
        task_id: The task of the plan that it is called for.
        timeout_s: The time of the attempt. The run itself waits no longer; this ends the function as well, as far as
            Python can end one: at once in a process's main thread, in any other when it next executes Python code.
    """
    disclose(Disclosure(Redactor(own_patterns(patterns), secrets)))
    redact_logs_of_runs()
    _drop_notices()
    try:
        with timeout(seconds=timeout_s), _at_work():
            return call_plain(reference, allowed, given)
    except KeyboardInterrupt:  # the run was stopped, and this process told
        return Cancelled(message="The run was stopped, or its attempt's time was up.")
    except Exception as error:  # noqa: BLE001  # the boundary on this side: no error leaves that others cannot read
        parcel = Parcel.of(error, reference)
        # No word of the error's own, which may quote secrets that only the run itself knows.
        return Failed(message=f"{parcel.type} was raised; what it says stands in task {task_id!r}.", data=parcel)


def end_work_when_told() -> None:
    """Have this process, one of a pool, break off the function that it runs when it is told to end.

    Ended at once, it may hold the lock of the queue on which Prefect's logs and events come back, and nobody else ever
    gets it. So only the function ends, and the process with its pool.
    """
    signal.signal(signal.SIGTERM, _break_off)


_working: list[bool] = []
"""Not empty while a function runs in this process."""


@contextmanager
def _at_work() -> Generator[None]:
    _working.append(True)
    try:
        yield
    finally:
        _working.pop()


def _break_off(_: int, __: object) -> None:
    if _working:
        raise KeyboardInterrupt


class ParcelNotices(logging.Filter):
    """Drops the line in which Prefect shows a function's failed state as an object: how it ended is another line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is kept."""
        return not (isinstance(record.msg, str) and record.msg.startswith("Task run failed with state"))


def _drop_notices() -> None:
    target = logging.getLogger("prefect.task_runs")
    if not any(isinstance(each, ParcelNotices) for each in target.filters):
        target.addFilter(ParcelNotices())


def _pickled(error: Exception) -> bytes:
    """The error and its cause, if they come back from it as they were."""
    cause, context = error.__cause__, error.__context__
    # Some libraries, Dask's among them, have every exception take along what led to it.
    error.__cause__ = error.__context__ = None
    try:
        for along in (cause, None):
            try:
                pickled = pickle.dumps((error, along))
            except Exception:  # noqa: BLE001  # an exception may raise anything when it is taken apart
                continue
            if _unpickled(pickled) is not None:
                return pickled
    finally:
        error.__cause__, error.__context__ = cause, context
    return b""


def _unpickled(pickled: bytes) -> Exception | None:
    try:
        error, cause = pickle.loads(pickled)
    except Exception:  # noqa: BLE001  # or put together, where its class may not even be known
        return None
    if not isinstance(error, Exception):
        return None
    error.__cause__ = cause
    return error
