"""Entries of every kind, with everything set that may be."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from agentic_prefect.models.history import (
    DeadLetterEntry,
    FailureEntry,
    LostAttempt,
    PromptEntry,
    ReportEntry,
    RunEntry,
    TaskEntry,
)
from agentic_prefect.models.prompt import PromptVersion
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
USAGE = Usage(input_tokens=1200, output_tokens=34, cached_tokens=100, calls=2, cost_usd=Decimal("0.0042"))
PROMPT = PromptVersion(id="agent/default", version="1.0.0", hash="cd" * 32)


def at(second: float) -> datetime:
    """A moment."""
    return START + timedelta(seconds=second)


def a_run(number: int = 0, **fields: Any) -> RunEntry:
    """A run that completed."""
    run_id = fields.pop("id", f"run-{number}")
    given: dict[str, Any] = {
        "id": run_id,
        "run_id": run_id,
        "lineage": run_id,
        "plan": "trip",
        "at": at(number),
        "updated_at": at(number + 9),
        "status": PlanStatus.COMPLETED,
        "tasks": 3,
        "ended_at": at(number + 9),
        "duration_s": 9.0,
        "usage": USAGE,
        **fields,
    }
    return RunEntry(**given)


def a_task(number: int = 0, **fields: Any) -> TaskEntry:
    """A task that completed."""
    given: dict[str, Any] = {
        "id": f"task-{number}",
        "run_id": "run-0",
        "lineage": "run-0",
        "plan": "trip",
        "task_id": "write",
        "task_run_id": "prefect-1",
        "agent": "writer",
        "model": "gpt-small",
        "prompt": PROMPT,
        "at": at(number),
        "updated_at": at(number + 1),
        "status": TaskStatus.COMPLETED,
        "attempts": 1,
        "ended_at": at(number + 1),
        "duration_s": 1.5,
        "usage": USAGE,
        **fields,
    }
    return TaskEntry(**given)


def a_failure(number: int = 0, **fields: Any) -> FailureEntry:
    """A failed attempt that was tried again."""
    given: dict[str, Any] = {
        "id": f"failure-{number}",
        "run_id": "run-0",
        "lineage": "run-0",
        "plan": "trip",
        "task_id": "write",
        "agent": "writer",
        "model": "gpt-small",
        "prompt": PROMPT,
        "at": at(number),
        "updated_at": at(number),
        "attempt": 1,
        "code": "rate_limit",
        "type": "RateLimited",
        "message": "Too many requests",
        "context": {"frame": "a.py:1 in f", "timeout_s": 60.0},
        "resolution": "retry",
        "recovered": True,
        **fields,
    }
    return FailureEntry(**given)


def a_letter(number: int = 0, **fields: Any) -> DeadLetterEntry:
    """A task that failed for good."""
    given: dict[str, Any] = {
        "id": f"letter-{number}",
        "run_id": "run-0",
        "lineage": "run-0",
        "plan": "trip",
        "task_id": "write",
        "agent": "writer",
        "at": at(number),
        "updated_at": at(number),
        "status": "resolved",
        "code": "max_retries_exceeded",
        "type": "MaxRetriesExceededError",
        "message": "All 2 attempts failed.",
        "errors": (
            LostAttempt(task_id="write", attempt=1, at=at(number), code="server", type="ServerFault", message="no"),
            LostAttempt(task_id="spare", at=at(number), code="refusal", type="Refused", message="No!", model="gpt"),
        ),
        "times": 2,
        "resolved_by": "run-1",
        "comment": "fine",
        **fields,
    }
    return DeadLetterEntry(**given)


def a_prompt(number: int = 0, **fields: Any) -> PromptEntry:
    """The refined prompt of a second attempt."""
    given: dict[str, Any] = {
        "id": f"prompt-{number}",
        "run_id": "run-0",
        "lineage": "run-0",
        "plan": "trip",
        "task_id": "write",
        "agent": "writer",
        "model": "gpt-small",
        "prompt": PROMPT,
        "at": at(number),
        "updated_at": at(number),
        "attempt": 2,
        "refinement": 1,
        "text_hash": "ab" * 32,
        "parent": "ef" * 32,
        "text": "# Task Description\n\nWrite; it was too long.",
        **fields,
    }
    return PromptEntry(**given)


def a_report(number: int = 0, **fields: Any) -> ReportEntry:
    """A report."""
    moment = at(number)
    return ReportEntry(
        **{"id": f"report-{number}", "at": moment, "updated_at": moment, "failures": 20, "text": "# Fine", **fields}
    )


ONE_OF_EACH = (a_run(), a_task(), a_failure(), a_letter(), a_prompt(), a_report())
