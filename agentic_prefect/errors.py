"""Every deliberate error, one class per code. The two branches answer the only question a runner has: again, or not?"""

from enum import StrEnum
from typing import ClassVar

from agentic_prefect.models.usage import Usage


class ErrorCode(StrEnum):
    """The closed list of reasons why a task can fail."""

    RATE_LIMIT = "rate_limit"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    SERVER = "server"
    OVERLOADED = "overloaded"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    INVALID_REQUEST = "invalid_request"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    INVALID_OUTPUT = "invalid_output"
    VERIFICATION_FAILED = "verification_failed"
    CAPABILITY_ERROR = "capability_error"
    BUDGET_EXCEEDED = "budget_exceeded"
    RUNAWAY = "runaway"
    HUMAN_REJECTED = "human_rejected"
    HUMAN_TIMEOUT = "human_timeout"
    MAX_RETRIES_EXCEEDED = "max_retries_exceeded"
    PLAN_INVALID = "plan_invalid"
    CRITICAL = "critical"
    UNEXPECTED = "unexpected"


class AgenticError(Exception):
    """The base of every error raised on purpose here."""

    code: ClassVar[ErrorCode] = ErrorCode.UNEXPECTED
    retryable: ClassVar[bool | None] = None
    """`True` again, `False` never, `None` no opinion: the policy decides."""
    usage: Usage | None = None
    """What the model call that failed consumed; `None` when nobody counted. It survives pickling."""


class RetryableError(AgenticError):
    """Trying again may help.

    Args:
        message: What happened.
        retry_after_s: Seconds the provider asked to wait; `None` when it said nothing.
    """

    retryable = True

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s)
        self.message, self.retry_after_s = message, retry_after_s

    def __str__(self) -> str:
        return self.message


class TerminalError(AgenticError):
    """Trying the same again cannot help."""

    retryable = False


class RateLimited(RetryableError):
    """The provider answered that too many requests or tokens were used."""

    code = ErrorCode.RATE_LIMIT


class TimedOut(RetryableError):
    """No answer came within the attempt's time."""

    code = ErrorCode.TIMEOUT


class ConnectionLost(RetryableError):
    """The provider could not be reached, or the connection broke."""

    code = ErrorCode.CONNECTION


class ServerFault(RetryableError):
    """The provider failed on its side (HTTP 5xx)."""

    code = ErrorCode.SERVER


class Overloaded(RetryableError):
    """The provider has no capacity at the moment."""

    code = ErrorCode.OVERLOADED


class AuthenticationFailed(TerminalError):
    """The key is missing, wrong or revoked."""

    code = ErrorCode.AUTHENTICATION


class PermissionRefused(TerminalError):
    """The key is known but may not do this."""

    code = ErrorCode.PERMISSION


class InvalidRequest(TerminalError):
    """The provider does not accept the request as it stands."""

    code = ErrorCode.INVALID_REQUEST


class ContextTooLong(TerminalError):
    """Prompt and answer together exceed the model's window."""

    code = ErrorCode.CONTEXT_LENGTH


class ContentFiltered(TerminalError):
    """The provider's filter stopped the prompt or the answer."""

    code = ErrorCode.CONTENT_FILTER


class Refused(TerminalError):
    """The model declined to answer."""

    code = ErrorCode.REFUSAL


class InvalidOutput(AgenticError):
    """The answer does not have the form that the task asks for.

    Args:
        message: What is wrong with it.
        problems: One line per violation, with its path.
        answer: The text that was refused, for the repair prompt.
    """

    code = ErrorCode.INVALID_OUTPUT

    def __init__(self, message: str, problems: tuple[str, ...] = (), answer: str = "") -> None:
        super().__init__(message, problems, answer)
        self.message, self.problems, self.answer = message, problems, answer

    def __str__(self) -> str:
        return self.message


class VerificationFailed(AgenticError):
    """A check found the output wanting."""

    code = ErrorCode.VERIFICATION_FAILED


class CapabilityFailed(TerminalError):
    """A capability raised, or was called with bad arguments."""

    code = ErrorCode.CAPABILITY_ERROR


class BudgetExceeded(TerminalError):
    """The next call would overrun the plan's budget; it was not sent."""

    code = ErrorCode.BUDGET_EXCEEDED


class Runaway(TerminalError):
    """An attempt asked its model too often, or got the same answer to the same again and again; it was stopped."""

    code = ErrorCode.RUNAWAY


class HumanRejected(TerminalError):
    """A person said no."""

    code = ErrorCode.HUMAN_REJECTED


class HumanTimedOut(TerminalError):
    """Nobody answered before the deadline, and there is no default decision."""

    code = ErrorCode.HUMAN_TIMEOUT


class HumanInterventionRequiredError(HumanTimedOut):
    """Nobody was waited for: the question is open, and whoever goes on with the run is asked.

    Args:
        intervention_id: The question.
    """

    def __init__(self, intervention_id: str) -> None:
        super().__init__(intervention_id)
        self.intervention_id = intervention_id

    def __str__(self) -> str:
        return "Awaiting human intervention"


class MaxRetriesExceededError(TerminalError):
    """Every allowed attempt failed. The result's error keeps each of them and the cause."""

    code = ErrorCode.MAX_RETRIES_EXCEEDED


class PlanInvalid(TerminalError):
    """A plan cannot run as written."""

    code = ErrorCode.PLAN_INVALID


class CriticalError(TerminalError):
    """Raised by a task to halt the whole plan."""

    code = ErrorCode.CRITICAL


class AgentTaskGeneralError(TerminalError):
    """Something that is no `AgentTask` was given to be executed; nothing was started."""

    code = ErrorCode.PLAN_INVALID


class WrongTaskType(AgentTaskGeneralError, TypeError):
    """An object of another type stands where a task is expected."""

    def __init__(self, given: str) -> None:
        super().__init__(given)
        self.given = given

    def __str__(self) -> str:
        return (
            f"Expected an AgentTask, got {self.given}. Build one with `AgentTask(id=..., description=...)` "
            f"or load a plan with `load_plan`."
        )


class SubPlanFailed(TerminalError):
    """A plan that is a task of another plan did not complete."""


class DeploymentRunFailed(TerminalError):
    """The run of a deployment that is a task of a plan did not complete."""


class DeploymentRunCrashed(RetryableError):
    """The process of a deployed plan that is a task of a plan is gone; another run goes on where it ended."""

    code = ErrorCode.SERVER


class ResultUnreadable(TerminalError):
    """The run of a deployment completed, and what it put out was not kept, or not where it can be read."""


class IllegalTransition(TerminalError):
    """A task cannot go from the one state to the other."""

    def __init__(self, task_id: str, old: str, new: str, allowed: tuple[str, ...]) -> None:
        super().__init__(task_id, old, new, allowed)
        self.task_id, self.old, self.new, self.allowed = task_id, old, new, allowed

    def __str__(self) -> str:
        return (
            f"Task {self.task_id!r} is {self.old!r} and cannot become {self.new!r}. "
            f"From {self.old!r} it may become: {', '.join(self.allowed) or 'nothing, it is final'}."
        )


class TaskFailed(TerminalError):
    """The output of a task that has none was asked for.

    Args:
        task_id: Which task.
        status: Its state.
        reason: Its error message or the reason why it was skipped.
    """

    def __init__(self, task_id: str, status: str, reason: str) -> None:
        super().__init__(task_id, status, reason)
        self.task_id, self.status, self.reason = task_id, status, reason

    def __str__(self) -> str:
        return (
            f"Task {self.task_id!r} has no output: it is {self.status} ({self.reason}). "
            f"Look at `result.failed` and `result.error` before `result.unwrap()`, or give the task a fallback."
        )
