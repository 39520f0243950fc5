"""Carries out what the reducer decided. The one place where a decision becomes a task run or an event."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, assert_never, cast

from prefect.client.schemas.objects import State
from prefect.utilities.annotations import quote

from agentic_prefect.models.events import TaskFallback, TaskSkipped, TaskStatusChanged
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.plans.progress import (
    Action,
    Blueprint,
    CancelRunning,
    NodeEnded,
    ShowFallback,
    ShowFanOut,
    ShowJoined,
    ShowSkipped,
    StartNode,
    split_name,
)
from agentic_prefect.ports import TaskKind
from agentic_prefect.runtime.agent_task import execute, show_skipped
from agentic_prefect.runtime.job import Job, end_events
from agentic_prefect.runtime.services import Services
from agentic_prefect.runtime.states import edge_from
from agentic_prefect.runtime.work import Place, job_for

LABEL_CHARS = 25
"""How much of a task run's name the drawing shows."""


class Actions:
    """Starts, shows and cancels the nodes of one run. Every started node ends in exactly one outcome."""

    def __init__(
        self,
        blueprint: Blueprint,
        services: Services,
        kinds: Mapping[str, TaskKind],
        place: Place,
        report: Callable[[NodeEnded], None],
    ) -> None:
        self._blueprint, self._services, self._kinds, self._place = blueprint, services, kinds, place
        self._report = report
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._shown: set[asyncio.Task[None]] = set()
        self._edges: dict[str, list[State[Any]]] = {}

    def carry_out(self, action: Action) -> None:
        """Do it, without waiting for its end."""
        match action:
            case StartNode():
                self._running[action.name] = asyncio.create_task(self._run(action), name=f"agentic:{action.name}")
            case ShowSkipped(result=result, cause=cause):
                self._notify_status(result.task_id, TaskStatus.PENDING, TaskStatus.SKIPPED)
                place = self._event_place(result.task_id)
                self._place.notify(TaskSkipped(**place, reason=result.reason, cause=cause))
                self._in_background(self._show_skipped(result))
            case ShowFanOut(task_id=task_id):
                self._notify_status(task_id, TaskStatus.PENDING, TaskStatus.IN_PROGRESS)
            case ShowJoined(result=result):
                self._show_joined(result)
            case ShowFallback(task_id=task_id, fallback_id=fallback_id):
                self._place.notify(TaskFallback(**self._event_place(task_id), fallback_id=fallback_id))
            case CancelRunning(reason=reason):
                self.cancel_all(reason)
            case _:
                assert_never(action)

    def cancel_all(self, reason: str) -> None:
        """Cancel everything in flight; each node still reports its end."""
        for name, running in self._running.items():
            if name in self._jobs:
                self._jobs[name].stop_reason = reason
            running.cancel(reason)

    async def finish(self) -> None:
        """Wait until everything that is only shown has been shown, and nothing is left in flight."""
        await asyncio.gather(*self._running.values(), *self._shown, return_exceptions=True)

    async def _run(self, start: StartNode) -> None:
        job = job_for(start, self._blueprint, self._services, self._kinds, self._place)
        self._jobs[start.name] = job
        task = self._blueprint.tasks[start.task_id]
        try:
            result, state = await execute(
                job,
                label=_label(start.name),
                waits_for=[edge for name in start.waits_for for edge in self._edges.get(name, ())],
                tags=task.tags,
            )
            self._remember(split_name(start.name)[0], state)
        except asyncio.CancelledError:
            self._report(NodeEnded(start.name, job.cancelled()))
            raise
        finally:
            self._running.pop(start.name, None)
            self._jobs.pop(start.name, None)
        self._report(NodeEnded(start.name, result))

    async def _show_skipped(self, result: TaskResult) -> None:
        shown = show_skipped.with_options(task_run_name=_label(result.task_id))
        causes = self._blueprint.graph.edges[result.task_id].all
        waits_for = [edge for name in causes for edge in self._edges.get(name, ())]
        state: State[Any] = await cast(
            "Awaitable[State[Any]]", shown(quote(result), wait_for=waits_for or None, return_state=True)
        )
        self._remember(result.task_id, state)

    def _remember(self, task_id: str, state: State[Any]) -> None:
        self._edges.setdefault(task_id, []).append(edge_from(state))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        shown = asyncio.create_task(work)
        self._shown.add(shown)
        shown.add_done_callback(self._shown.discard)

    def _show_joined(self, result: TaskResult) -> None:
        self._notify_status(result.task_id, TaskStatus.IN_PROGRESS, result.status)
        for event in end_events(result, self._event_place(result.task_id)):
            self._place.notify(event)

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


def _label(name: str) -> str:
    return name if len(name) <= LABEL_CHARS else f"{name[: LABEL_CHARS - 1]}…"
