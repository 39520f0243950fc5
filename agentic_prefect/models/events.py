"""What observers hear. Events are facts: frozen, in the past tense, carrying ids and no outputs."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage


class EventBase(Frozen):
    """What every event carries."""

    at: AwareDatetime
    plan: str
    run_id: str
    """Id of the plan's run."""
    parent_run_id: str | None = None
    """Id of the run of the plan that this one is part of."""


class TaskEventBase(EventBase):
    """What every event of a task carries."""

    task_id: str
    """The task's id; `id[3]` is item 3 (from 0) of a fan-out."""
    task_run_id: str | None = None
    """The scheduler's id of the task run, when it has one."""


class PlanStarted(EventBase):
    name: Literal["agentic.plan.started"] = "agentic.plan.started"
    tasks: int


class PlanCompleted(EventBase):
    name: Literal["agentic.plan.completed"] = "agentic.plan.completed"
    usage: Usage
    elapsed_s: float


class PlanFailed(EventBase):
    name: Literal["agentic.plan.failed"] = "agentic.plan.failed"
    status: PlanStatus
    """`partial_failure` or `failed`."""
    reason: str
    usage: Usage
    elapsed_s: float


class PlanCancelled(EventBase):
    name: Literal["agentic.plan.cancelled"] = "agentic.plan.cancelled"
    reason: str
    usage: Usage
    elapsed_s: float


class PlanBudgetExceeded(EventBase):
    name: Literal["agentic.plan.budget_exceeded"] = "agentic.plan.budget_exceeded"
    task_id: str
    reason: str
    usage: Usage


class TaskStatusChanged(TaskEventBase):
    name: Literal["agentic.task.status_changed"] = "agentic.task.status_changed"
    old: TaskStatus
    new: TaskStatus
    attempt: int
    """The attempt that is meant, from 1; 0 before the first."""


class TaskRetrying(TaskEventBase):
    name: Literal["agentic.task.retrying"] = "agentic.task.retrying"
    attempt: int
    """The attempt that failed, from 1."""
    error: TaskError
    delay_s: float
    """Seconds until the next attempt."""
    timeout_s: float | None = None
    """The time that the next attempt gets."""


class TaskOutputAvailable(TaskEventBase):
    name: Literal["agentic.task.output_available"] = "agentic.task.output_available"
    attempts: int
    usage: Usage
    elapsed_s: float
    model: str | None
    cached: bool = False
    preview: str = ""
    """The output's first characters, on one line."""


class TaskFailed(TaskEventBase):
    name: Literal["agentic.task.failed"] = "agentic.task.failed"
    attempts: int
    error: TaskError
    usage: Usage
    elapsed_s: float


class TaskExhausted(TaskEventBase):
    name: Literal["agentic.task.exhausted"] = "agentic.task.exhausted"
    attempts: int
    error: TaskError


class TaskSkipped(TaskEventBase):
    name: Literal["agentic.task.skipped"] = "agentic.task.skipped"
    reason: str
    cause: str | None = None
    """The task at the root of it; `None` when a condition was false."""


class TaskFallback(TaskEventBase):
    name: Literal["agentic.task.fallback"] = "agentic.task.fallback"
    fallback_id: str
    """The task that is tried in its place."""


Event = Annotated[
    PlanStarted
    | PlanCompleted
    | PlanFailed
    | PlanCancelled
    | PlanBudgetExceeded
    | TaskStatusChanged
    | TaskRetrying
    | TaskOutputAvailable
    | TaskFailed
    | TaskExhausted
    | TaskSkipped
    | TaskFallback,
    Field(discriminator="name"),
]
