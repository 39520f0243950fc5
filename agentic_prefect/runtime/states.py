"""Between our results and Prefect's states: the only place that translates."""

from typing import Any, cast

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.error import ErrorContext, TaskError
from agentic_prefect.models.result import PlanResult, TaskResult
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.plans.outcome import told
from agentic_prefect.runtime.job import Job


async def result_of(state: State[Any], job: Job) -> TaskResult:
    """The `TaskResult` in the final state of a task run; a crash, which brings none, becomes a failed one."""
    if state.is_completed():
        result: TaskResult = await state.aresult()
        if state.name == "Cached":
            return result.model_copy(update={"cached": True, "run_id": job.task_run_id})
        return result
    data: object = getattr(state.data, "result", state.data)
    if isinstance(data, TaskResult):
        return cast("TaskResult", data)
    now = job.clock()
    error = TaskError(
        code=ErrorCode.UNEXPECTED,
        type=state.name or state.type.value,
        message=job.disclosure.text(state.message or f"The task run ended {state.type.value.lower()}."),
        timestamp=now,
        context=ErrorContext(task_id=job.name, attempt=job.attempt),
        history=job.history,
    )
    return TaskResult(
        task_id=job.name,
        status=TaskStatus.FAILED,
        success=False,
        error=job.disclosure.kept(error),
        usage=job.usage,
        attempts=job.attempt,
        started_at=job.started_at,
        ended_at=now,
        agent=job.work.agent.name or None,
        run_id=job.task_run_id,
    )


def plan_state(result: PlanResult) -> State[PlanResult]:
    """The final state of a plan's run, with a message that says what happened."""
    message = told(result)
    match result.status:
        case PlanStatus.COMPLETED:
            # No name of its own: the event is named like the state, and what comes next waits for `Completed`.
            return Completed(message=message, data=result)
        case PlanStatus.PARTIAL_FAILURE:
            return Failed(name="PartialFailure", message=message, data=result)
        case PlanStatus.FAILED:
            timed_out = result.budget is not None and result.budget.timed_out
            return Failed(name="TimedOut" if timed_out else None, message=message, data=result)
        case PlanStatus.CANCELLED:
            return Cancelled(message=message, data=result)
