"""One task, or one item of a fan-out, on its way through its attempts."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from prefect.client.schemas.objects import TaskRun

from agentic_prefect.errors import ErrorCode, PlanInvalid
from agentic_prefect.interventions.desk import Desk
from agentic_prefect.models.error import ErrorContext, TaskError
from agentic_prefect.models.events import (
    Event,
    TaskExhausted,
    TaskFailed,
    TaskOutputAvailable,
    TaskPrompted,
    TaskRetrying,
    TaskStatusChanged,
    VerificationCompleted,
)
from agentic_prefect.models.intervention import Decision as HumanDecision
from agentic_prefect.models.intervention import Intervention
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus, transition
from agentic_prefect.models.task import AgentTask
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.blame import answers_stand
from agentic_prefect.policies.disclosure import Disclosure
from agentic_prefect.policies.failure import Decision, GiveUp, TryAgain, decide, final_error, model_for, timeout_for
from agentic_prefect.ports import TaskKind, Trail, Work
from agentic_prefect.runtime.paid_calls import StoredCalls

PREVIEW_CHARS = 120
"""How much of an output an event shows."""


@dataclass(slots=True)
class Job:
    """Keeps what must outlive a single attempt: status, errors, usage and the decision about the next one."""

    work: Work
    """The first attempt's work; later attempts differ in `attempt`, `history`, `timeout_s` and `trail`."""
    kind: TaskKind
    clock: Callable[[], datetime]
    draw: Callable[[], float]
    notify: Callable[[Event], None]
    key: str | None = None
    """Where the result is kept for another run of the same work; `None` keeps none."""
    is_new: bool = False
    """Whether no earlier run can have left a result."""
    paid: StoredCalls = field(default_factory=lambda: StoredCalls(None, look=False))
    """The model calls that are answered and paid."""
    fault: Exception | None = None
    """Why the work cannot even be tried."""
    parent_run_id: str | None = None
    desk: Desk | None = None
    """Where people are asked; `None` where nobody can be."""
    disclosure: Disclosure = field(default_factory=Disclosure)
    """What of errors and prompts may be kept."""
    tried: int = 0
    """Attempts before a person asked for another try."""
    status: TaskStatus = TaskStatus.PENDING
    history: tuple[TaskError, ...] = ()
    usage: Usage = field(default_factory=Usage)
    started_at: datetime | None = None
    decision: Decision | None = None
    """What follows the attempt that failed last."""
    stop_reason: str = ""
    """Why the job is being cancelled; empty while it is not."""
    task_run_id: str | None = None
    task_run: TaskRun | None = None
    """The Prefect task run, once an attempt has started."""
    is_answered: bool = False
    """Whether there is an output, which is being stored."""
    result: TaskResult | None = None
    """How the job ended; `None` until it has."""
    announced: str = ""
    """The run and state that was heard of last: a hook may tell the same thing twice."""

    _unsettled: Work | None = None
    """The attempt under way."""
    _failure: TaskError | None = None
    """The whole error of the attempt that failed last; the result has as much of it as is to be kept."""

    @property
    def name(self) -> str:
        """The task's id, or `id[index]`."""
        return self.work.task_id

    @property
    def attempt(self) -> int:
        """The attempt that runs or ran last, from 1."""
        return len(self.history) + 1

    def next_work(self) -> Work:
        """The work of the attempt that is about to start."""
        self.paid.begin()
        self._unsettled = replace(
            self.work,
            task=self._task(),
            attempt=self.attempt,
            history=self.history,
            timeout_s=timeout_for(self.work.task, self.history),
            trail=Trail(),
            paid=self.paid,
            stop_reason=lambda: self.stop_reason,
            ask=self._ask,
        )
        return self._unsettled

    def _task(self) -> AgentTask:
        """The task as the next attempt is to do it: what went wrong may have it ask another model."""
        task, model = self.work.task, model_for(self.work.task, self.history)
        return task if model == task.model else task.model_copy(update={"model": model})

    def succeeded(self, work: Work, output: Any) -> TaskResult:
        """The result of an attempt that gave `output`."""
        self._settle(work)
        self.is_answered = True
        return self._result(work, TaskStatus.COMPLETED, output=output)

    def failed(self, work: Work, error: BaseException, *, started_at: datetime) -> TaskResult:
        """The result of an attempt that raised; `decision` says whether it is the last one."""
        self._settle(work)
        now = self.clock()
        context = ErrorContext(
            task_id=self.name,
            agent_id=work.agent.name or None,
            attempt=work.attempt,
            timeout_s=work.timeout_s,
            elapsed_s=(now - started_at).total_seconds(),
            model=work.trail.model,
            prompt=work.trail.prompt,
            usage=work.trail.usage,
        )
        data = self.disclosure.redacted(TaskError.from_exception(error, now=now, context=context), leave=("prompt",))
        self._failure = data
        self.decision = decide(self.work.task, error=data, history=self.history, draw=self.draw())
        if isinstance(self.decision, GiveUp):
            before = self.disclosure.redacted(work.failed_before)
            data = final_error(data, history=self.history, exhausted=self.decision.exhausted, before=before)
        return self._result(work, TaskStatus.FAILED, error=self.disclosure.kept(data))

    async def keep_answers(self) -> None:
        """Keep what models answered in the attempt that failed last, unless the answers may be what it failed of."""
        if self._failure is not None and answers_stand(self._failure.code):
            await self.paid.keep()
        else:
            await self.paid.forget()

    def cancelled(self) -> TaskResult:
        """The result of a job that was stopped; what an attempt under way has consumed counts."""
        work = self._unsettled or self.work
        if self._unsettled is not None:
            self._settle(work)
        return self._result(work, TaskStatus.CANCELLED, reason=self.stop_reason or "it was cancelled")

    def broken(self, error: BaseException) -> TaskResult:
        """The result of a job that broke outside of its attempts, where no policy applies."""
        work = self._unsettled or self.work
        if self._unsettled is not None:
            self._settle(work)
        context = ErrorContext(task_id=self.name, agent_id=work.agent.name or None, attempt=self.attempt)
        data = TaskError.from_exception(error, now=self.clock(), context=context)
        data = self.disclosure.redacted(data.model_copy(update={"history": self.history}))
        return self._result(work, TaskStatus.FAILED, error=self.disclosure.kept(data))

    async def _ask(self, intervention: Intervention) -> HumanDecision:
        """What people decide; the job waits for them."""
        if self.desk is None:
            raise PlanInvalid(f"Task {self.name!r} asks people, and nobody can be asked here.")
        self._move(TaskStatus.AWAITING_HUMAN)
        try:
            return await self.desk.ask(intervention, self._place)
        finally:
            self._move(TaskStatus.IN_PROGRESS)

    def _settle(self, work: Work) -> None:
        self.usage, self._unsettled = self.usage + work.trail.usage, None
        work.trail.prompt = self.disclosure.redacted(work.trail.prompt)
        for prompt in work.trail.prompts:
            self.notify(TaskPrompted(**self._place(), attempt=work.attempt, model=work.trail.model, prompt=prompt))
        if work.trail.verdict is not None:
            verdict = work.trail.verdict = self.disclosure.found(work.trail.verdict)
            told = verdict.model_dump(include={"outcome", "confidence_ratio", "messages"})
            self.notify(VerificationCompleted(**self._place(), attempt=work.attempt, **told))

    def _result(self, work: Work, status: TaskStatus, **fields: Any) -> TaskResult:
        return TaskResult(
            task_id=self.name,
            status=status,
            success=status is TaskStatus.COMPLETED,
            usage=self.usage,
            attempts=self.tried + (self.attempt if self.started_at else 0),
            started_at=self.started_at,
            ended_at=self.clock(),
            agent=work.agent.name or None,
            model=work.trail.model,
            prompt=work.trail.prompt,
            verdict=work.trail.verdict,
            decisions=work.trail.decisions,
            run_id=self.task_run_id,
            **fields,
        )

    # What observers hear

    def attempt_started(self, task_run_id: str) -> None:
        """An attempt is about to run."""
        self.task_run_id = task_run_id
        self.started_at = self.started_at or self.clock()
        self._move(TaskStatus.IN_PROGRESS)

    def attempt_failed(self, error: TaskError, again: TryAgain) -> None:
        """An attempt failed and another follows."""
        self._move(TaskStatus.FAILED)
        self.history = (*self.history, self._failure or error)
        self.notify(
            TaskRetrying(
                **self._place(),
                attempt=len(self.history),
                error=error,
                delay_s=again.delay_s,
                timeout_s=timeout_for(self.work.task, self.history),
                model=again.model,
            )
        )
        self._move(TaskStatus.RETRYING)

    def ended(self, result: TaskResult) -> None:
        """The job is over: announce how."""
        if self.status is result.status:
            return
        self._move(result.status)
        self.result = result
        for event in end_events(result, self._place(), self.disclosure):
            self.notify(event)

    def _move(self, new: TaskStatus) -> None:
        old, self.status = self.status, transition(self.name, self.status, new)
        attempt = self.attempt if new is not TaskStatus.RETRYING else self.attempt - 1
        self.notify(TaskStatusChanged(**self._place(), old=old, new=new, attempt=attempt))

    def _place(self) -> dict[str, Any]:
        return {
            "at": self.clock(),
            "plan": self.work.plan,
            "run_id": self.work.run_id,
            "parent_run_id": self.parent_run_id,
            "task_id": self.name,
            "task_run_id": self.task_run_id,
        }


def end_events(result: TaskResult, place: dict[str, Any], disclosure: Disclosure) -> tuple[Event, ...]:
    """What is announced about a final result, besides its status.

    Args:
        result: The result.
        place: The fields that every event of a task carries.
        disclosure: Applied to the preview before it is cut off: half a secret may look like none.
    """
    if result.success:
        available = TaskOutputAvailable(
            **place,
            attempts=result.attempts,
            usage=result.usage,
            elapsed_s=result.elapsed_s or 0.0,
            model=result.model,
            prompt=result.prompt.without_text if result.prompt else None,
            cached=result.cached,
            preview=disclosure.text(" ".join(str(result.output).split())[: 4 * PREVIEW_CHARS])[:PREVIEW_CHARS],
        )
        return (available,)
    if result.error is None:
        return ()
    failed = TaskFailed(
        **place,
        attempts=result.attempts,
        error=result.error,
        usage=result.usage,
        elapsed_s=result.elapsed_s or 0.0,
    )
    if result.error.code is not ErrorCode.MAX_RETRIES_EXCEEDED:
        return (failed,)
    return failed, TaskExhausted(**place, attempts=result.attempts, error=result.error)
