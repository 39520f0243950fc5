"""Carries out what the reducer decided. The one place where a decision becomes a task run or an event."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, assert_never
from uuid import UUID

from prefect.client.schemas.objects import State

from agentic_prefect.models.error import TaskError
from agentic_prefect.models.events import Event, TaskDeadLettered, TaskFallback, TaskSkipped, TaskStatusChanged
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.suspension import Suspension
from agentic_prefect.plans.progress import (
    Action,
    AskPerson,
    Blueprint,
    CancelRunning,
    NodeEnded,
    Outcome,
    ShowDecided,
    ShowFallback,
    ShowFanOut,
    ShowJoined,
    ShowLost,
    ShowSkipped,
    StartNode,
    split_name,
)
from agentic_prefect.ports import TaskKind
from agentic_prefect.runtime.agent_task import execute, show, show_supplied
from agentic_prefect.runtime.job import Job, end_events
from agentic_prefect.runtime.questions import Questions
from agentic_prefect.runtime.services import Services
from agentic_prefect.runtime.work import Place, job_for

LABEL_CHARS = 25
"""How much of a task run's name the drawing shows."""
STORING_S = 10.0
"""How long an output that is there may take to be stored when the run is cancelled, in seconds."""

_log = logging.getLogger(__name__)


class Actions:
    """Starts, shows and cancels the nodes of one run. Every started node ends in exactly one outcome."""

    def __init__(
        self,
        blueprint: Blueprint,
        services: Services,
        kinds: Mapping[str, TaskKind],
        place: Place,
        report: Callable[[Outcome], None],
    ) -> None:
        self._blueprint, self._services, self._kinds, self._place = blueprint, services, kinds, place
        self._report = report
        self._jobs: dict[str, Job] = {}
        self._keys: dict[str, str | None] = {}
        self._running: dict[str, asyncio.Task[TaskResult]] = {}
        self._stop_reason = ""
        """Why everything is being cancelled; empty while it is not."""
        self._shown: dict[str, asyncio.Task[None]] = {}
        """What is still being shown without having run, by task id; those that come after wait for it."""
        self._runs: dict[str, list[UUID]] = {}
        """The task runs of each task, so that those of others can be drawn after them."""
        self._questions = Questions(blueprint, services, place, report)
        self._ended: dict[str, list[TaskResult | None]] = {}
        """How each node ended each time it ran; `None` where it did not fail."""

    def carry_out(self, action: Action) -> None:
        """Do it, without waiting for its end."""
        match action:
            case StartNode():
                self._start(action)
            case ShowSkipped(result=result, cause=cause):
                self._notify_status(result.task_id, TaskStatus.PENDING, TaskStatus.SKIPPED)
                place = self._event_place(result.task_id)
                self._place.notify(TaskSkipped(**place, reason=result.reason, cause=cause))
                self._in_background(result.task_id, self._show_skipped(result))
            case ShowFanOut(task_id=task_id, again=again):
                before = TaskStatus.RETRYING if again else TaskStatus.PENDING
                self._notify_status(task_id, before, TaskStatus.IN_PROGRESS)
            case ShowJoined(result=result):
                self._show_joined(result)
            case ShowFallback(task_id=task_id, fallback_id=fallback_id):
                self._place.notify(TaskFallback(**self._event_place(task_id), fallback_id=fallback_id))
            case AskPerson():
                self._questions.ask(action)
            case ShowDecided(result=result, withdrawn=withdrawn):
                self._show_decided(result, withdrawn)
            case ShowLost(result=result):
                self._notify_lost(result)
            case CancelRunning(reason=reason):
                self.cancel_all(reason)
            case _:
                assert_never(action)

    @property
    def awaits_only_people(self) -> bool:
        """Whether everything in flight waits for people."""
        waiting = [job.status is TaskStatus.AWAITING_HUMAN for job in self._jobs.values()]
        is_asking = bool(self._running or tuple(self._questions.open))
        return is_asking and not self._shown and len(waiting) == len(self._running) and all(waiting)

    @property
    def done(self) -> Suspension:
        """What has been done so far, besides the outputs."""
        return Suspension(
            failures={name: tuple(ends) for name, ends in self._ended.items() if any(ends)},
            decisions=self._questions.decisions,
        )

    async def put_away(self, reason: str) -> None:
        """Stop whatever waits for people, as if it had never been asked; nobody hears of an end."""
        self._questions.put_away(reason)
        for name, running in self._running.items():
            if name in self._jobs:
                self._jobs[name].stop_reason, self._jobs[name].notify = reason, _to_nobody
            running.cancel(reason)
        await self.finish()

    def cancel_all(self, reason: str) -> None:
        """Cancel everything in flight; each node still reports its end. What only has to be stored gets its time."""
        self._questions.withdraw_all()
        self._stop_reason = reason
        for name, running in self._running.items():
            job = self._jobs.get(name)
            if job is not None and job.is_answered:
                asyncio.get_running_loop().call_later(STORING_S, running.cancel, reason)
                continue
            if job is not None:
                job.stop_reason = reason
            running.cancel(reason)

    async def finish(self) -> None:
        """Wait until everything that is only shown has been shown, and nothing is left in flight."""
        pending: list[asyncio.Future[Any]] = [*self._running.values(), *self._shown.values(), *self._questions.open]
        await asyncio.gather(*pending, return_exceptions=True)
        # What has ended reports it in the next turn of the loop.
        await asyncio.sleep(0)

    def _start(self, start: StartNode) -> None:
        """Begin a node. However its work ends, also before its first step, one outcome is reported."""
        running = asyncio.create_task(self._run(start), name=f"agentic:{start.name}")
        self._running[start.name] = running
        running.add_done_callback(partial(self._node_ended, start))

    def _node_ended(self, start: StartNode, ended: asyncio.Task[TaskResult]) -> None:
        self._running.pop(start.name, None)
        job = self._jobs.pop(start.name, None)
        error = None if ended.cancelled() else ended.exception()
        if job is not None and job.result is not None:
            result = job.result  # which was announced; only the storing was cut off
        elif error is not None:
            _log.error("Task %r broke outside of its attempts.", start.name, exc_info=error)
            result = job.broken(error) if job else _failed_at_once(start, error, self._services)
        elif ended.cancelled():
            result = job.cancelled() if job else self._never_started(start)
        else:
            result = ended.result()
        self._report(NodeEnded(start.name, result))

    def _never_started(self, start: StartNode) -> TaskResult:
        self._notify_status(start.name, TaskStatus.PENDING, TaskStatus.CANCELLED)
        reason = self._stop_reason or "it was cancelled"
        return TaskResult(task_id=start.name, status=TaskStatus.CANCELLED, success=False, reason=reason)

    async def _run(self, start: StartNode) -> TaskResult:
        task_id, ends = split_name(start.name)[0], self._ended.setdefault(start.name, [])
        before = self._place.before.failures.get(start.name, ())[len(ends) :]
        if before and before[0] is not None:
            return self._failed_before(start, before[0])
        job = job_for(start, self._blueprint, self._services, self._kinds, self._place)
        self._jobs[start.name], self._keys[start.name] = job, job.key
        task = self._blueprint.tasks[start.task_id]
        result, state = await execute(
            job,
            label=_label(start.name),
            after=await self._runs_of(start.waits_for),
            tags=task.tags,
        )
        self._remember(task_id, state)
        ends.append(result if result.status is TaskStatus.FAILED else None)
        return result

    def _failed_before(self, start: StartNode, result: TaskResult) -> TaskResult:
        """It ran before the run was suspended, and failed: that is not paid again."""
        self._ended[start.name].append(result)
        if result.run_id is not None:
            self._runs.setdefault(split_name(start.name)[0], []).append(UUID(result.run_id))
        self._notify_status(start.name, TaskStatus.PENDING, TaskStatus.IN_PROGRESS)
        self._notify_status(start.name, TaskStatus.IN_PROGRESS, TaskStatus.FAILED)
        return result

    async def _show_skipped(self, result: TaskResult) -> None:
        after = await self._runs_of(self._blueprint.graph.edges[result.task_id].all)
        state = await show(result, label=_label(result.task_id), after=after)
        self._remember(result.task_id, state)

    def _show_decided(self, result: TaskResult, withdrawn: str) -> None:
        """Make visible what a decision has made of a failed task."""
        if withdrawn:
            self._questions.withdraw(result.task_id)
            return
        self._notify_status(result.task_id, TaskStatus.AWAITING_HUMAN, result.status)
        if result.skipped:
            self._place.notify(TaskSkipped(**self._event_place(result.task_id), reason=result.reason, cause=None))
            self._in_background(result.task_id, self._show_skipped(result))
        elif result.success:
            for event in end_events(result, self._event_place(result.task_id), self._services.disclosure):
                self._place.notify(event)
            self._in_background(result.task_id, self._show_supplied(result))

    async def _show_supplied(self, result: TaskResult) -> None:
        state = await show_supplied(
            result,
            label=_label(f"{result.task_id}, supplied"),
            key=self._keys.get(result.task_id),
            after=self._runs.get(result.task_id, ()),
        )
        self._remember(result.task_id, state)

    def _remember(self, task_id: str, state: State[Any]) -> None:
        if state.state_details.task_run_id is not None:
            self._runs.setdefault(task_id, []).append(state.state_details.task_run_id)

    def _in_background(self, task_id: str, work: Coroutine[Any, Any, None]) -> None:
        shown = asyncio.create_task(work)
        self._shown[task_id] = shown
        shown.add_done_callback(lambda _: self._shown.pop(task_id, None))

    async def _runs_of(self, names: Iterable[str]) -> list[UUID]:
        """The runs that a task comes after, once they are there."""
        names = tuple(names)
        await asyncio.gather(*(shown for name in names if (shown := self._shown.get(name))), return_exceptions=True)
        return [run for name in names for run in self._runs.get(name, ())]

    def _show_joined(self, result: TaskResult) -> None:
        self._notify_status(result.task_id, TaskStatus.IN_PROGRESS, result.status)
        for event in end_events(result, self._event_place(result.task_id), self._services.disclosure):
            self._place.notify(event)

    def _notify_lost(self, result: TaskResult) -> None:
        """Nobody has to see to what a sub-plan loses before the plan around it has lost the sub-plan."""
        if self._place.parent_run_id is None and result.error is not None:
            place = self._event_place(result.task_id)
            self._place.notify(TaskDeadLettered(**place, attempts=result.attempts, error=result.error))

    def _notify_status(self, task_id: str, old: TaskStatus, new: TaskStatus) -> None:
        self._place.notify(TaskStatusChanged(**self._event_place(task_id), old=old, new=new, attempt=0))

    def _event_place(self, task_id: str) -> dict[str, Any]:
        return {
            "at": self._services.clock(),
            "plan": self._blueprint.plan.name,
            "run_id": self._place.run_id,
            "parent_run_id": self._place.parent_run_id,
            "task_id": task_id,
        }


def _to_nobody(_: Event) -> None:
    """Hears what nobody is to hear."""


def _failed_at_once(start: StartNode, error: BaseException, services: Services) -> TaskResult:
    """The result of a node that broke before there was a job."""
    data = services.disclosure.redacted(TaskError.from_exception(error, now=services.clock()))
    return TaskResult(task_id=start.name, status=TaskStatus.FAILED, success=False, error=services.disclosure.kept(data))


def _label(name: str) -> str:
    return name if len(name) <= LABEL_CHARS else f"{name[: LABEL_CHARS - 1]}…"
