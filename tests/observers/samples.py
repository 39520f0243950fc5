"""One event of every kind, in the order of a run."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.error import ErrorContext, TaskError
from agentic_prefect.models.events import (
    Event,
    PlanBudgetExceeded,
    PlanCancelled,
    PlanCompleted,
    PlanFailed,
    PlanStarted,
    TaskDeadLettered,
    TaskExhausted,
    TaskFailed,
    TaskFallback,
    TaskOutputAvailable,
    TaskRetrying,
    TaskSkipped,
    TaskStatusChanged,
)
from agentic_prefect.models.prompt import PromptRecord
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
USAGE = Usage(input_tokens=1200, output_tokens=34, calls=2, cost_usd=Decimal("0.0042"))
PROMPT = PromptRecord(id="agent/default", version="1.0.0", hash="cd" * 32, text="the secret prompt " * 10_000)

ERROR = TaskError(
    code=ErrorCode.RATE_LIMIT,
    type="RateLimited",
    message="Too many requests",
    timestamp=START,
    context=ErrorContext(frames=("secret_frame.py:1 in f",), attempt=1, prompt=PROMPT),
    retryable=True,
    retry_after_s=7.0,
)
EXHAUSTED = TaskError(
    code=ErrorCode.MAX_RETRIES_EXCEEDED,
    type="MaxRetriesExceededError",
    message="All 3 attempts failed. The last one: rate_limit: Too many requests",
    timestamp=START,
    cause=ERROR,
    history=(ERROR, ERROR, ERROR),
)


def place(second: float = 0.0, *, run_id: str = "run-1", **more: Any) -> dict[str, Any]:
    """The fields that every event carries."""
    return {"at": START + timedelta(seconds=second), "plan": "trip", "run_id": run_id, **more}


def changed(old: TaskStatus, new: TaskStatus, *, task_id: str = "write", second: float = 0.0) -> TaskStatusChanged:
    """A change of a task's state."""
    return TaskStatusChanged(**place(second, task_id=task_id), old=old, new=new, attempt=1)


EVENTS: tuple[Event, ...] = (
    PlanStarted(**place(0), tasks=3),
    changed(TaskStatus.PENDING, TaskStatus.IN_PROGRESS, second=1),
    TaskRetrying(**place(2, task_id="write"), attempt=1, error=ERROR, delay_s=7.0, timeout_s=120.0),
    changed(TaskStatus.PENDING, TaskStatus.AWAITING_HUMAN, task_id="ask", second=2.5),
    TaskOutputAvailable(
        **place(3, task_id="search[0]"),
        attempts=2,
        usage=USAGE,
        elapsed_s=1.5,
        model="gpt-small",
        preview="the secret output",
    ),
    TaskOutputAvailable(
        **place(3, task_id="stored"), attempts=1, usage=USAGE, elapsed_s=0.0, model="gpt-small", cached=True
    ),
    TaskFailed(**place(4, task_id="write"), attempts=3, error=EXHAUSTED, usage=USAGE, elapsed_s=65.0),
    TaskExhausted(**place(5, task_id="write"), attempts=3, error=EXHAUSTED),
    TaskFallback(**place(6, task_id="write"), fallback_id="write_short"),
    TaskDeadLettered(**place(6, task_id="write"), attempts=3, error=EXHAUSTED),
    TaskSkipped(**place(7, task_id="translate"), reason="it needs 'write',\nwhich failed", cause="write"),
    PlanBudgetExceeded(**place(8, task_id="write"), reason="9 of 8 calls", usage=USAGE),
    PlanCompleted(**place(9), usage=USAGE, elapsed_s=9.0),
    PlanFailed(**place(9), status=PlanStatus.PARTIAL_FAILURE, reason="'write' failed", usage=USAGE, elapsed_s=9.0),
    PlanCancelled(**place(9), reason="Ctrl-C", usage=USAGE, elapsed_s=0.25),
)
