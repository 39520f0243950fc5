"""Makes entries of the events of one run."""

from collections import deque
from collections.abc import Callable
from typing import Any

from agentic_prefect.errors import ErrorCode, SubPlanFailed
from agentic_prefect.history.ids import entry_id
from agentic_prefect.history.letters import MAX_MESSAGE_CHARS, Letters
from agentic_prefect.history.pages import Pages
from agentic_prefect.history.sent import prompt_entry
from agentic_prefect.history.watched import Watched
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.events import (
    Event,
    InterventionExpired,
    InterventionResolved,
    PlanCancelled,
    PlanCompleted,
    PlanFailed,
    PlanStarted,
    TaskDeadLettered,
    TaskEventBase,
    TaskFailed,
    TaskFallback,
    TaskOutputAvailable,
    TaskPrompted,
    TaskRetrying,
    TaskSkipped,
    TaskStatusChanged,
    VerificationCompleted,
)
from agentic_prefect.models.history import (
    RUNNING,
    AnyEntry,
    FailureEntry,
    Resolution,
    RunEntry,
    TaskEntry,
)
from agentic_prefect.models.policy import Continue
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.task import AgentTask
from agentic_prefect.models.usage import Usage
from agentic_prefect.plans.deployment_name import is_of_plan
from agentic_prefect.plans.progress import split_name
from agentic_prefect.policies.failure import action_after
from agentic_prefect.ports import HistoryStore


class Keeping:
    """Makes entries of the events of one run.

    Args:
        watched: The run.
        open_store: Gives the store for them, when it is needed first.
    """

    def __init__(self, watched: Watched, open_store: Callable[[], HistoryStore]) -> None:
        self._watched = watched
        self._pages = Pages(open_store, watched.run_id if watched.whole_plan else "", watched.lineage)
        self._letters = Letters(watched, self._pages)
        self._heard: deque[Event] = deque()
        self._tasks = {task.id: task for task in watched.plan.tasks}
        self._ids: dict[str, str] = {}
        """The entry's id of each task."""
        self._failures: dict[str, list[str]] = {}
        """The ids of each task's failures, oldest first."""
        self._stands_in_for: dict[str, set[str]] = {}
        """Fallback -> the tasks in whose place it is tried."""

    def hear(self, event: Event) -> None:
        """Take note of an event; it is worked out with the next `save`. The one thing that any thread may call."""
        self._heard.append(event)

    def save(self) -> None:
        """Write what has changed.

        Raises:
            HistoryUnusable: The store cannot be used; it is tried again with the next call.
        """
        self._pages.look_back()
        while self._heard:
            self._work_out(self._heard.popleft())
        self._pages.save()

    def _work_out(self, event: Event) -> None:
        match event:
            case PlanStarted() | PlanCompleted() | PlanFailed() | PlanCancelled():
                self._hear_run(event)
            case TaskStatusChanged():
                self._hear_status(event)
            case TaskRetrying():
                self._add_failure(event, event.error, event.attempt, "model" if event.model else "retry")
            case TaskOutputAvailable():
                self._hear_output(event)
                self._letters.resolve((event.task_id, *self._stands_in_for.get(event.task_id, ())), event)
            case TaskDeadLettered():
                self._letters.add(event)
            case TaskPrompted():
                if self._watched.keeps_prompts:
                    self._put(prompt_entry(event, self._watched), event)
            case VerificationCompleted():
                self._put(self._task(event), event, verdict=event.outcome, verdict_ratio=event.confidence_ratio)
            case TaskFailed():
                self._hear_failed(event)
            case TaskSkipped():
                self._put(self._task(event), event, reason=self._watched.clean(event.reason), ended_at=event.at)
            case TaskFallback():
                self._stands_in_for.setdefault(event.fallback_id, set()).add(event.task_id)
                self._resolve(event, "fallback")
            case InterventionResolved():
                self._resolve(event, "human")
            case InterventionExpired():
                self._resolve(event, "continue" if event.action == "continue" else "none")
            case _:
                pass  # what the task comes to tells of it

    def _hear_run(self, event: PlanStarted | PlanCompleted | PlanFailed | PlanCancelled) -> None:
        run = self._pages.get(RunEntry, event.run_id)
        if run is None:
            run = RunEntry(
                id=event.run_id,
                parent_run_id=event.parent_run_id,
                at=event.at,
                updated_at=event.at,
                **self._watched.part(),
            )
        if isinstance(event, PlanStarted):
            self._put(run, event, status=RUNNING, reason="", tasks=event.tasks, ended_at=None, duration_s=None)
            return
        self._put(
            run,
            event,
            status=_status_of(event),
            reason="" if isinstance(event, PlanCompleted) else self._watched.clean(event.reason),
            ended_at=event.at,
            duration_s=event.elapsed_s,
            usage=self._pages.spent_before + event.usage,
        )
        if isinstance(event, PlanCompleted):
            self._letters.resolve_rest(event)
        for failure in self._failures_of():
            if failure.recovered is None:
                self._put(failure, event, recovered=False)

    def _hear_status(self, event: TaskStatusChanged) -> None:
        task = self._task(event)
        before = self._pages.earlier(task.id)
        attempts = event.attempt + (before.attempts if before else 0)
        self._put(
            task,
            event,
            status=event.new,
            task_run_id=event.task_run_id or task.task_run_id,
            attempts=max(task.attempts, attempts) if event.attempt else task.attempts,
            ended_at=event.at if event.new is TaskStatus.CANCELLED else None,
            code=task.code if event.new is TaskStatus.AWAITING_HUMAN else None,
        )

    def _hear_output(self, event: TaskOutputAvailable) -> None:
        task = self._task(event)
        before = self._pages.earlier(task.id)
        if event.cached and before is not None and before.status is TaskStatus.COMPLETED:
            self._put(before, event)
            return
        own = Usage() if event.cached or task.composite else event.usage
        self._put(
            task,
            event,
            usage=(before.usage if before else Usage()) + own,
            attempts=(before.attempts if before else 0) + (0 if event.cached else event.attempts),
            model=event.model,
            prompt=event.prompt,
            cached=event.cached,
            ended_at=event.at,
            duration_s=None if event.cached else event.elapsed_s,
        )
        for task_id in (event.task_id, *self._stands_in_for.get(event.task_id, ())):
            for failure in self._failures_of(task_id):
                self._put(failure, event, recovered=True)

    def _hear_failed(self, event: TaskFailed) -> None:
        task, error = self._task(event), event.error
        before = self._pages.earlier(task.id)
        last = error.cause if error.code is ErrorCode.MAX_RETRIES_EXCEEDED and error.cause else error
        action = action_after(self._declared(event), error)
        resolution: Resolution = "continue" if isinstance(action, Continue) else "none"
        self._put(
            task,
            event,
            code=error.code.value,
            usage=(before.usage if before else Usage()) + (Usage() if task.composite else event.usage),
            attempts=(before.attempts if before else 0) + event.attempts,
            ended_at=event.at,
            duration_s=event.elapsed_s,
        )
        # A fan-out fails of its items and a sub-plan of its tasks, which have told of it.
        if error.type != SubPlanFailed.__name__ and not (task.composite and self._failed_within(event.task_id)):
            self._add_failure(event, last, last.context.attempt or event.attempts, resolution)

    def _add_failure(
        self, event: TaskRetrying | TaskFailed, error: TaskError, attempt: int, resolution: Resolution
    ) -> None:
        declared, context = self._declared(event), error.context
        clean = self._watched.clean
        prompt = context.prompt.without_text if context.prompt else None
        facts: dict[str, Any] = {
            "frame": clean(context.frames[-1]) if context.frames else None,
            "timeout_s": context.timeout_s,
            "elapsed_s": context.elapsed_s,
            "retry_after_s": error.retry_after_s,
        }
        failure = FailureEntry(
            id=entry_id(content=[event.run_id, event.task_id, attempt, error.timestamp.isoformat()]),
            at=error.timestamp,
            updated_at=event.at,
            task_id=event.task_id,
            kind=declared.kind,
            agent=context.agent_id or declared.agent,
            model=context.model,
            prompt=prompt,
            attempt=attempt,
            code=error.code.value,
            type=error.type,
            message=clean(error.message[:MAX_MESSAGE_CHARS]),
            context={name: value for name, value in facts.items() if value is not None},
            resolution=resolution,
            **self._watched.part(),
        )
        self._put(failure, event)
        self._failures.setdefault(event.task_id, []).append(failure.id)
        task = self._task(event)
        self._put(task, event, resolution=resolution, model=context.model or task.model, prompt=prompt or task.prompt)

    def _resolve(self, event: TaskFallback | InterventionResolved | InterventionExpired, by: Resolution) -> None:
        """Note what was done about the failure that a task, or each item of it, ended with."""
        for name in self._failed_within(event.task_id):
            failure = self._failures_of(name)[-1]
            # Whatever a person decided on, it was a person.
            if not failure.recovered and (by == "human" or failure.resolution != "human"):
                self._put(failure, event, resolution=by)
                self._put(self._task(event), event, resolution=by)

    def _put(self, entry: AnyEntry, event: Event, **changes: Any) -> None:
        self._pages.put(entry, event.at, **changes)

    def _task(self, event: TaskEventBase) -> TaskEntry:
        """The entry of the event's task, a new one if there is none."""
        place = event.task_id if self._watched.whole_plan else f"{event.task_id}/{event.task_run_id}"
        if place not in self._ids:
            self._ids[place] = entry_id(content=[event.run_id, place])
        known = self._pages.get(TaskEntry, self._ids[place])
        if known is not None:
            return known
        declared = self._declared(event)
        return TaskEntry(
            id=self._ids[place],
            at=event.at,
            updated_at=event.at,
            task_id=event.task_id,
            kind=declared.kind,
            agent=declared.agent,
            composite=_is_told_elsewhere(declared) or (declared.for_each is not None and event.task_id == declared.id),
            **self._watched.part(),
        )

    def _declared(self, event: TaskEventBase) -> AgentTask:
        return self._tasks[split_name(event.task_id)[0]]

    def _failures_of(self, *task_ids: str) -> list[FailureEntry]:
        """The failures of these tasks, oldest first; of all of them when none is named."""
        named = [each for task_id in task_ids or self._failures for each in self._failures.get(task_id, ())]
        return [found for each in named if (found := self._pages.get(FailureEntry, each)) is not None]

    def _failed_within(self, task_id: str) -> list[str]:
        """Of a task and its items those that have failed."""
        return [name for name in self._failures if task_id in (name, split_name(name)[0])]


def _is_told_elsewhere(task: AgentTask) -> bool:
    """Whether a plan does the work, whose tasks have entries of their own."""
    return task.kind == "plan" or (task.kind == "deployment" and is_of_plan(task.call or ""))


def _status_of(event: PlanCompleted | PlanFailed | PlanCancelled) -> PlanStatus:
    match event:
        case PlanCompleted():
            return PlanStatus.COMPLETED
        case PlanFailed():
            return event.status
        case PlanCancelled():
            return PlanStatus.CANCELLED
