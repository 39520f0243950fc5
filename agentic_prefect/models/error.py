"""A failure as data: what went wrong, where, when, and what may be done about it."""

import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar, cast

from pydantic import AwareDatetime, Field, ValidationError

from agentic_prefect.errors import AgenticError, ErrorCode, RetryableError
from agentic_prefect.models.base import Frozen
from agentic_prefect.models.prompt import PromptRecord
from agentic_prefect.models.usage import Usage

ErrorT = TypeVar("ErrorT", bound=BaseException)

ErrorDetail = Literal["none", "summary", "full"]
"""How much of an error is kept and shown: code and type, the message besides, or everything."""

MAX_FRAMES = 10
"""How many frames of a traceback an error keeps."""


_FRAMES = "_agentic_frames"
"""The attribute of an exception that came from another process, which has no traceback."""


def frames_of(error: BaseException) -> tuple[str, ...]:
    """The innermost places that an exception passed, the last one where it was raised."""
    given: object = getattr(error, _FRAMES, None)
    if isinstance(given, tuple):
        return cast("tuple[str, ...]", given)
    entries = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return tuple(f"{entry.filename}:{entry.lineno} in {entry.name}" for entry in entries)


def with_frames(error: ErrorT, frames: tuple[str, ...]) -> ErrorT:
    """The exception, with the places that it passed in another process."""
    with suppress(AttributeError):  # one with `__slots__` does without
        setattr(error, _FRAMES, frames)
    return error


class ErrorContext(Frozen):
    """Where an error happened."""

    frames: tuple[str, ...] = Field(default=(), max_length=MAX_FRAMES)
    """The innermost frames of the traceback, outermost first."""
    task_id: str | None = None
    agent_id: str | None = None
    attempt: int | None = None
    """Counted from 1."""
    timeout_s: float | None = None
    """The time the attempt was given; `None` when it had no limit."""
    elapsed_s: float | None = None
    model: str | None = None
    prompt: PromptRecord | None = None
    usage: Usage | None = None
    """What the failed attempt itself consumed."""
    intervention_id: str | None = None
    """The question to people that is open; `None` when none is."""


class TaskError(Frozen):
    """One failure of one task."""

    code: ErrorCode
    type: str
    """Name of the exception class."""
    message: str
    timestamp: AwareDatetime
    """When it happened, UTC."""
    context: ErrorContext = ErrorContext()
    retryable: bool | None = None
    """The error's own verdict; `None` when it has no opinion, and the policy's list decides."""
    retry_after_s: float | None = None
    """Seconds the provider asked to wait."""
    cause: "TaskError | None" = None
    history: tuple["TaskError", ...] = ()
    """One entry per failed attempt, oldest first."""

    @property
    def is_over_budget(self) -> bool:
        """Whether a budget is what ended the task, or its last attempt."""
        return ErrorCode.BUDGET_EXCEEDED in (self.code, self.cause.code if self.cause else None)

    @classmethod
    def from_exception(cls, error: BaseException, *, now: datetime, context: ErrorContext | None = None) -> "TaskError":
        """The data of an exception; its innermost frames are added to `context`.

        Args:
            error: Any exception. An `AgenticError` brings its own code and verdict; anything else is `unexpected`,
                and its attribute `retryable`, if it has one, is taken as its verdict.
            now: The time of the failure.
            context: What is known about the place.
        """
        frames = frames_of(error)
        verdict = getattr(error, "retryable", None)
        cause = error.__cause__
        return cls(
            code=error.code if isinstance(error, AgenticError) else ErrorCode.UNEXPECTED,
            type=type(error).__name__,
            message=str(error) or type(error).__name__,
            timestamp=now.astimezone(UTC),
            context=(context or ErrorContext()).model_copy(
                update={"frames": frames, "intervention_id": getattr(error, "intervention_id", None)}
            ),
            retryable=verdict if isinstance(verdict, bool) else None,
            retry_after_s=error.retry_after_s if isinstance(error, RetryableError) else None,
            cause=cls.from_exception(cause, now=now) if isinstance(cause, AgenticError) else None,
        )

    @classmethod
    def from_data(cls, data: object, *, now: datetime) -> "TaskError":
        """An error read from `data`, whatever it is; odd input gives an "Unknown error" instead of a second failure.

        Args:
            data: A `TaskError`, its dict form, or anything else.
            now: The time used when `data` carries none.
        """
        if isinstance(data, TaskError):
            return data
        if isinstance(data, dict):
            try:
                return cls.model_validate(data)
            except ValidationError:
                message = str(data.get("message") or "Unknown error")  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
                return cls._unknown(message, now)
        return cls._unknown("Unknown error", now)

    @classmethod
    def _unknown(cls, message: str, now: datetime) -> "TaskError":
        return cls(code=ErrorCode.UNEXPECTED, type="UnknownError", message=message, timestamp=now.astimezone(UTC))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; times are ISO 8601 in UTC."""
        return self.model_dump(mode="json")
