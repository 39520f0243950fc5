"""What observers hear. Events are facts: frozen, in the past tense, carrying ids and no outputs."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from agentic_prefect.models.asking import DecisionAction, Priority
from agentic_prefect.models.base import Frozen
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.prompt import PromptRecord, PromptVersion
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.models.verdict import Outcome


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
    plan_hash: str = ""
    """SHA-256 of the plan's content, as 64 hexadecimal digits."""
    plan_version: int | None = None
    """Which version of a stored plan it is, from 1; `None` when the plan comes from elsewhere."""


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
    model: str | None = None
    """The model that the next attempt asks instead; `None` when it asks the same one."""


class TaskOutputAvailable(TaskEventBase):
    name: Literal["agentic.task.output_available"] = "agentic.task.output_available"
    attempts: int
    usage: Usage
    elapsed_s: float
    model: str | None
    prompt: PromptVersion | None = None
    """Which template made the prompt; `None` for work without a model."""
    cached: bool = False
    preview: str = ""
    """The output's first characters, on one line."""


class TaskPrompted(TaskEventBase):
    """What an attempt sent to its agent; told when the attempt is over."""

    name: Literal["agentic.task.prompted"] = "agentic.task.prompted"
    attempt: int
    """From 1."""
    model: str | None = None
    prompt: PromptRecord
    """With its text: an observer that hands events on leaves that out."""


class VerificationCompleted(TaskEventBase):
    """The checks of a task have looked at an output."""

    name: Literal["agentic.verification.completed"] = "agentic.verification.completed"
    attempt: int
    """Whose output it is, from 1."""
    outcome: Outcome
    confidence_ratio: float | None = None
    messages: tuple[str, ...] = ()
    """What the checks said, each with its name before it."""


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


class TaskDeadLettered(TaskEventBase):
    """A task failed for good and nothing stands in for it: somebody has to see to it. Tasks of a sub-plan are not told
    of, since the plan around it may have a remedy.
    """

    name: Literal["agentic.task.dead_lettered"] = "agentic.task.dead_lettered"
    attempts: int
    error: TaskError
    """Its history has every attempt, those of fallbacks included."""


class InterventionEventBase(TaskEventBase):
    """What every event of a question to a person carries."""

    intervention_id: str


class InterventionRequested(InterventionEventBase):
    """A person is asked about a task, which waits."""

    name: Literal["agentic.intervention.requested"] = "agentic.intervention.requested"
    question: str
    error: TaskError | None = None
    actions: tuple[DecisionAction, ...]
    """What may be decided; the likeliest to help first."""
    suggested: tuple[DecisionAction, ...] = ()
    """Those of the actions that help against this kind of error."""
    priority: Priority
    deadline_s: float | None = None
    """Seconds until the default is taken; `None` waits without end."""
    default: DecisionAction
    """What holds when nobody decides."""
    escalated: bool = False
    """Whether it is asked anew since nobody has answered for too long."""
    waiting_run_id: str | None = None
    """The flow run that waits for the answer; `None` when the question is asked elsewhere."""
    url: str | None = None
    """Where to answer; `None` when there is no page for it."""


class InterventionVoted(InterventionEventBase):
    """One of several people who must agree decided; more are needed."""

    name: Literal["agentic.intervention.voted"] = "agentic.intervention.voted"
    action: DecisionAction
    comment: str = ""
    by: str = ""


class InterventionResolved(InterventionEventBase):
    """A person decided."""

    name: Literal["agentic.intervention.resolved"] = "agentic.intervention.resolved"
    action: DecisionAction
    comment: str = ""
    by: str = ""
    """Who; empty when that is not known."""


class InterventionExpired(InterventionEventBase):
    """Nobody decided, and the question is closed."""

    name: Literal["agentic.intervention.expired"] = "agentic.intervention.expired"
    action: DecisionAction
    """What is done in place of a decision."""
    reason: str
    """Why nobody decided."""


TaskEvent = (
    TaskStatusChanged
    | TaskRetrying
    | TaskPrompted
    | TaskOutputAvailable
    | VerificationCompleted
    | TaskFailed
    | TaskExhausted
    | TaskSkipped
    | TaskFallback
    | TaskDeadLettered
)
"""What happens to one task, questions about it left out."""

Event = Annotated[
    PlanStarted
    | PlanCompleted
    | PlanFailed
    | PlanCancelled
    | PlanBudgetExceeded
    | TaskEvent
    | InterventionRequested
    | InterventionVoted
    | InterventionResolved
    | InterventionExpired,
    Field(discriminator="name"),
]
