"""The task boundary: one attempt goes in, a state with a `TaskResult` comes out, and no exception escapes."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from prefect.client.schemas.objects import State
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Failed
from prefect.transactions import get_transaction
from pydantic_core import PydanticSerializationError, to_jsonable_python

from agentic_prefect.errors import ErrorCode, InvalidOutput, TimedOut
from agentic_prefect.llm.deadline import Deadline
from agentic_prefect.models.result import TaskResult
from agentic_prefect.policies.failure import TryAgain
from agentic_prefect.ports import Work
from agentic_prefect.runtime.job import Job


async def attempt(job: Job) -> TaskResult | State[TaskResult]:
    """Execute one attempt.

    A success is the plain `TaskResult`, so that it is stored. A failure is a Failed state that carries one, and is
    never stored. Cancellation passes through, unless it is the run itself that stops this job.
    """
    work, started_at = job.next_work(), job.clock()
    deadline = Deadline(work.timeout_s)
    work = replace(work, waiting=partial(_standing_still, deadline))
    try:
        if job.fault is not None:
            raise job.fault
        async with deadline:
            output = await job.kind.execute(work)
        return job.succeeded(work, plain(output))
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if not job.stop_reason or current is None:
            raise
        current.uncancel()
        return await _stopped(job)
    except Exception as error:  # noqa: BLE001  # the task boundary: whatever an agent raises becomes data
        if job.stop_reason:
            return await _stopped(job)
        result = job.failed(work, _as_timeout(error, deadline, work), started_at=started_at)
        await job.keep_answers()
        return failed_state(result, will_retry=isinstance(job.decision, TryAgain))


@contextmanager
def _standing_still(deadline: Deadline, why: str) -> Generator[None]:
    """The attempt's time does not run within."""
    if why:
        _log().info(why)
    with deadline.standing_still():
        yield


def _log() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(__name__)


async def _stopped(job: Job) -> State[TaskResult]:
    """What a model had answered is kept: whoever goes on need not pay for it again."""
    await job.paid.keep()
    return _unstored(Cancelled(message=job.stop_reason, data=job.cancelled()))


def failed_state(result: TaskResult, *, will_retry: bool = False) -> State[TaskResult]:
    """The Failed state of a failed result; a task that ran out of time says so by its name."""
    error = result.error
    assert error is not None
    codes = {error.code, error.cause.code if error.cause else None}
    name = "TimedOut" if ErrorCode.TIMEOUT in codes and not will_retry else None
    return _unstored(Failed(message=f"{error.code}: {error.message}", data=result, name=name))


def plain(output: Any) -> Any:
    """`output` as JSON data.

    Raises:
        InvalidOutput: It holds something that has no JSON form.
    """
    try:
        return to_jsonable_python(output)
    except PydanticSerializationError as error:
        raise InvalidOutput(
            f"An output of type {type(output).__name__} cannot be stored as JSON ({error}). "
            f"Return plain data, a pydantic model or a dataclass."
        ) from error


def _unstored(state: State[TaskResult]) -> State[TaskResult]:
    # Prefect commits whatever a task returns under its cache key, a Failed state included: the first failed attempt
    # would be stored as None and served to the retry as its result. Outside of a task run there is no transaction.
    transaction = get_transaction()
    if transaction is not None:
        transaction.write_on_commit = False
    return state


def _as_timeout(error: Exception, deadline: Deadline, work: Work) -> Exception:
    if not isinstance(error, TimeoutError):
        return error
    if deadline.expired:
        timeout = TimedOut(f"No result within {work.timeout_s:g} s (attempt {work.attempt}).")
    else:
        timeout = TimedOut(str(error) or "The work itself timed out.")
    timeout.__traceback__ = error.__traceback__
    return timeout
