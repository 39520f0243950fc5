"""The Prefect task that executes agent tasks, with retries, waits and hooks as Prefect shows them."""

import asyncio
import copy
import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import httpx
from prefect import get_client, task
from prefect.client.schemas.objects import State, TaskRun, TaskRunResult
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.states import Cancelled, Completed
from prefect.task_engine import run_task_async
from prefect.tasks import Task
from prefect.utilities.annotations import quote
from prefect.utilities.engine import emit_task_run_state_change_event

from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.patience import is_away, patiently
from agentic_prefect.policies.failure import TryAgain, most_retries
from agentic_prefect.runtime.boundary import attempt, failed_state
from agentic_prefect.runtime.caching import FixedKey
from agentic_prefect.runtime.job import Job
from agentic_prefect.runtime.local_results import whole_files_of_run
from agentic_prefect.runtime.redacted_logs import redact_logs_of_runs
from agentic_prefect.runtime.states import result_of

HOOK_PREFIX = "agentic_"


@task(name="agent-task", retry_delay_seconds=1, persist_result=False, result_serializer="json")
async def run_attempt(job: Job) -> Any:
    """One attempt at an agent task."""
    return await attempt(job)


_kept_attempt = run_attempt.with_options(persist_result=True)
"""The same, for work that has a key."""


@task(name="skipped", persist_result=False)
async def show_skipped(result: TaskResult) -> Any:
    """A task that was skipped, made visible."""
    return Completed(name="Skipped", message=f"Skipped: {result.reason}.", data=result)


@task(name="supplied")
async def _supplied(result: TaskResult) -> TaskResult:
    """The output that a person supplied in place of a failed task's, made visible."""
    return result


async def show(result: TaskResult, *, label: str, after: Sequence[UUID]) -> State[Any]:
    """Make a skipped task visible; arguments as for `execute`."""
    return await _run(show_skipped.with_options(task_run_name=_name(label)), after, result=result)


async def show_supplied(result: TaskResult, *, label: str, key: str | None, after: Sequence[UUID] = ()) -> State[Any]:
    """Make visible what a person supplied, and keep it where the task's own result would be, so that a later run of
    the same work finds it.

    Args:
        result: The completed result.
        label: The name of the task run.
        key: The key of the task's work; `None` keeps nothing.
        after: The task's failed runs.
    """
    shown = _supplied.with_options(
        task_run_name=_name(label),
        cache_policy=FixedKey(value=key),
        persist_result=key is not None,
        result_serializer="json",
    )
    return await _run(shown, after, result=result)


async def execute(
    job: Job, *, label: str, after: Sequence[UUID] = (), tags: Sequence[str] = ()
) -> tuple[TaskResult, State[Any]]:
    """Run a job through all its attempts as one Prefect task run.

    Args:
        job: What to do.
        label: The name of the task run, at most about 25 characters to be readable.
        after: The task runs that it came after; they become the arrows of the drawing.
        tags: Prefect tags for the task run.

    Returns:
        The result, and the state of the task run.
    """
    configured = _configured(job, label, tags)
    try:
        state = await _run_job(configured, after, job)
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if not job.stop_reason or current is None:
            # A process that is told to end cancels everything in it at once, before the run can say why.
            if job.result is None:
                _record_cancelled(job.task_run, Cancelled(message=job.cancelled().reason))
            raise
        current.uncancel()
        state = _told_of(job.task_run, Cancelled(message=job.stop_reason, data=job.cancelled()))
        if job.result is None:
            _record_cancelled(job.task_run, state)
    except Exception as error:  # noqa: BLE001  # the engine itself broke, which must not take the plan along
        state = _told_of(job.task_run, failed_state(job.broken(error)))
    # How it ended was announced before Prefect stored the result: nothing that goes wrong there changes it.
    result = job.result or await result_of(state, job)
    job.ended(result)
    return result, state


async def _run_job(prefect_task: Task[..., Any], after: Sequence[UUID], job: Job) -> State[Any]:
    """Run the job's task. Where it has tags, Prefect asks the server for room first, which may be away for a while."""
    heard = job.announced

    async def run() -> State[Any]:
        if prefect_task.tags:
            # Asked beforehand, since a run that is not let begin stays on the server's list.
            async with get_client() as client:
                await client.hello()
        try:
            return await _run(prefect_task, after, job=job)
        except ConcurrencySlotAcquisitionError as error:
            if isinstance(error.__cause__, httpx.HTTPStatusError) and is_away(error.__cause__):
                raise error.__cause__ from None
            raise
        except httpx.HTTPError as error:
            if job.announced != heard:
                raise RuntimeError(f"The Prefect server was lost under way ({type(error).__name__}).") from error
            raise

    return await patiently(run)


def _told_of(task_run: TaskRun | None, state: State[TaskResult]) -> State[TaskResult]:
    """The state with the ids of the run that it is of."""
    if task_run is not None:
        state.state_details.task_run_id = task_run.id
        state.state_details.flow_run_id = task_run.flow_run_id
    return state


async def _run(prefect_task: Task[..., Any], after: Sequence[UUID], **argument: Any) -> State[Any]:
    """Run a task of one parameter and give back its state.

    What it waits for was decided before, so Prefect is told only which runs came before, for its drawing. Calling the
    task with `wait_for` would have it look through all that the states of those carry, for every one that waits.
    """
    (name, value), *_ = argument.items()
    state: object = await run_task_async(
        prefect_task,
        parameters={name: quote(value)},
        return_type="state",
        dependencies={name: {_arrow_from(each) for each in after}},  # pyright: ignore[reportUnhashable]
    )
    return cast("State[Any]", state)


@lru_cache(maxsize=10_000)
def _arrow_from(run_id: UUID) -> TaskRunResult:
    """Prefect's word for a run that came before; where ten tasks wait for ten there are a hundred of them."""
    return TaskRunResult(id=run_id)


def _name(label: str) -> str:
    """The name of a task run, in which Prefect would fill in what stands in braces."""
    return label.replace("{", "(").replace("}", ")")


def _configured(job: Job, label: str, tags: Sequence[str]) -> Task[..., Any]:
    """A copy of the Prefect task for this job alone: its retry delay is set anew after each failed attempt.

    `with_options` would read and hash the source of the function again for every task of a plan.
    """

    # Prefect accepts only a plain function here: a bound method or a partial silently means "never retry".
    def should_retry(prefect_task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
        again, result = job.decision, state.data
        if not isinstance(again, TryAgain) or not isinstance(result, TaskResult) or result.error is None:
            return False
        # The engine reads the delay after it has asked this function, so the wait is exact and visible.
        prefect_task.retry_delay_seconds = again.delay_s
        job.attempt_failed(result.error, again)
        return True

    def agentic_on_running(_: Task[..., Any], task_run: TaskRun, state: State[Any]) -> None:
        seen = f"{task_run.id}/{task_run.run_count}/{state.id}"
        if seen != job.announced and job.status in (TaskStatus.PENDING, TaskStatus.RETRYING):
            job.announced, job.task_run = seen, task_run
            job.attempt_started(str(task_run.id))

    async def agentic_on_end(_: Task[..., Any], task_run: TaskRun, state: State[Any]) -> None:
        job.ended(await result_of(state, job))

    configured = copy.copy(_kept_attempt if job.key is not None else run_attempt)
    configured.task_run_name, configured.tags = _name(label), set(tags)
    # One more than can be granted: the engine does not ask about the last failure once retries are used up.
    configured.retries = most_retries(job.work.task) + 1
    configured.retry_condition_fn = should_retry
    configured.on_running_hooks = [agentic_on_running]
    configured.on_completion_hooks = configured.on_failure_hooks = [agentic_on_end]
    if job.key is not None:
        configured.cache_policy, configured.result_storage = FixedKey(value=job.key), whole_files_of_run()
        # Where nothing can have been kept Prefect need not look, which in a bucket takes longer than all the rest.
        configured.refresh_cache = job.is_new or None
    return configured


def _record_cancelled(task_run: TaskRun | None, state: State[Any]) -> None:
    """Tell the server that a task run was cancelled.

    A run that is cancelled while it waits for its next attempt is recorded as crashed, since only the engine is at work
    then; nothing crashed, so the state is set right.
    """
    if task_run is None or (task_run.state is not None and task_run.state.is_cancelled()):
        return
    before = task_run.state
    _told_of(task_run, state)
    task_run.state, task_run.state_id = state, state.id
    task_run.state_type, task_run.state_name = state.type, state.name
    emit_task_run_state_change_event(task_run=task_run, initial_state=before, validated_state=state)


class HookNotices(logging.Filter):
    """Drops lines that tell nothing new: two for each call of a hook of ours, one for each task that went well, and one
    for each attempt that is followed by another, which would hold the whole prompt.

    What a task came to, with its tokens and cost, and each failed attempt stand in the flow run's log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is kept."""
        message = record.msg if isinstance(record.msg, str) else ""
        if record.levelno == logging.INFO and message.startswith(("Finished in state", "Task run failed with")):
            return getattr(record, "task_name", None) != run_attempt.name
        return not (message.startswith(("Running hook", "Hook")) and f"'{HOOK_PREFIX}" in message)


def install_log_filter() -> None:
    """Keep hook notices, and secrets, out of the runs' logs. Safe to call again."""
    redact_logs_of_runs()
    target = logging.getLogger("prefect.task_runs")
    if not any(isinstance(each, HookNotices) for each in target.filters):
        target.addFilter(HookNotices())
