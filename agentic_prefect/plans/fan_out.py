"""The results of a task that was spread over a list, joined into one."""

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.result import Related, TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.failure import is_critical


def join_items(task_id: str, items: tuple[TaskResult, ...], *, agent: str | None) -> TaskResult:
    """The result of a fan-out: completed with all outputs in order when every item completed.

    Otherwise it is failed with the last item's error as its cause, or cancelled, or skipped when no item ran.
    """
    started = [item.started_at for item in items if item.started_at]
    ended = [item.ended_at for item in items if item.ended_at]
    failed = [item for item in items if item.error is not None]
    common = TaskResult(
        task_id=task_id,
        status=TaskStatus.COMPLETED,
        success=True,
        output=[item.output for item in items],
        usage=sum((item.usage for item in items), Usage()),
        attempts=sum(item.attempts for item in items),
        started_at=min(started, default=None),
        ended_at=max(ended, default=None),
        agent=agent,
        model=next((item.model for item in items if item.model), None),
        related=tuple(Related(task_id=item.task_id, relation="item") for item in items),
        cached=bool(items) and all(item.cached for item in items),
    )
    if all(item.success for item in items):
        return common
    change: dict[str, object] = {"success": False, "output": None}
    if failed:
        change |= {"status": TaskStatus.FAILED, "error": _joined_error(failed, len(items))}
    elif any(item.status is TaskStatus.CANCELLED for item in items):
        change |= {"status": TaskStatus.CANCELLED, "reason": "its items were cancelled"}
    else:
        change |= {"status": TaskStatus.SKIPPED, "reason": items[-1].reason}
    return common.model_copy(update=change)


def _joined_error(failed: list[TaskResult], total: int) -> TaskError:
    errors = [item.error for item in failed if item.error is not None]
    # A critical error halts the plan, whatever else went wrong.
    last = max(errors, key=lambda error: (is_critical(error), error.timestamp))
    names = ", ".join(item.task_id for item in failed[:5]) + (", …" if len(failed) > 5 else "")
    codes = {error.code for error in errors}
    return TaskError(
        code=last.code if len(codes) == 1 or is_critical(last) else ErrorCode.UNEXPECTED,
        type=last.type,
        message=f"{len(failed)} of {total} items failed ({names}). The last one: {last.message}",
        timestamp=last.timestamp,
        context=last.context,
        retryable=False,
        cause=last,
        history=tuple(errors),
    )
