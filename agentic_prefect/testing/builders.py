"""Short ways to build plans, tasks and results in tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.task import AgentTask

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""A fixed moment, so that no test depends on the clock."""


def make_task(task_id: str, **fields: Any) -> AgentTask:
    """A task that is valid as it stands."""
    return AgentTask.model_validate({"id": task_id, "description": f"Do {task_id}.", **fields})


def make_plan(*tasks: AgentTask | dict[str, Any], name: str = "plan", **fields: Any) -> Plan:
    """A plan of these tasks; a task may be given as its fields."""
    made = tuple(
        task if isinstance(task, AgentTask) else make_task(task.pop("id"), **task) for task in map(_copy, tasks)
    )
    return Plan.model_validate({"name": name, "tasks": made, **fields})


def completed(name: str, output: Any = None, *, seconds: float = 1.0, **fields: Any) -> TaskResult:
    """The result of a task that went well; its output is its name unless it is given."""
    return TaskResult(
        task_id=name,
        status=TaskStatus.COMPLETED,
        success=True,
        output=name if output is None else output,
        attempts=1,
        started_at=EPOCH,
        ended_at=EPOCH + timedelta(seconds=seconds),
        **fields,
    )


def error_of(code: ErrorCode | str = ErrorCode.UNEXPECTED, message: str = "it broke", **fields: Any) -> TaskError:
    """An error of that code."""
    return TaskError(code=ErrorCode(code), type="TestError", message=message, timestamp=EPOCH, **fields)


def failed(name: str, code: ErrorCode | str = ErrorCode.UNEXPECTED, message: str = "it broke") -> TaskResult:
    """The result of a task that failed for good."""
    return TaskResult(
        task_id=name,
        status=TaskStatus.FAILED,
        success=False,
        error=error_of(code, message),
        attempts=1,
        started_at=EPOCH,
        ended_at=EPOCH,
    )


def cancelled(name: str) -> TaskResult:
    """The result of a task that was stopped."""
    return TaskResult(task_id=name, status=TaskStatus.CANCELLED, success=False, reason="stopped", attempts=1)


def _copy(task: AgentTask | dict[str, Any]) -> AgentTask | dict[str, Any]:
    return dict(task) if isinstance(task, dict) else task
