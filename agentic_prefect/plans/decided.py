"""What a person's decision makes of a failed task's result."""

from typing import Any

from agentic_prefect.errors import HumanInterventionRequiredError
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.intervention import BY_CANCELLATION, BY_DEADLINE, BY_LATER, BY_NOBODY, Decision
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus


def decided(result: TaskResult, decision: Decision) -> TaskResult:
    """The failed `result` after a decision; what the task consumed stays on it."""
    change: dict[str, Any] = {}
    if decision.action == "skip":
        change = {"status": TaskStatus.SKIPPED, "error": None, "reason": _said(decision, "skipped it")}
    elif decision.action == "supply_output":
        change = {"status": TaskStatus.COMPLETED, "success": True, "error": None, "output": decision.output}
    elif decision.by == BY_LATER and result.error is not None:
        change = {"error": _awaiting(result.error, decision)}
    return result.model_copy(update=change)


def _awaiting(error: TaskError, decision: Decision) -> TaskError:
    """The error of a task that nobody has decided about yet; what it failed of is the cause."""
    open_ = HumanInterventionRequiredError(decision.intervention_id)
    context = error.context.model_copy(update={"intervention_id": decision.intervention_id})
    waiting = TaskError.from_exception(open_, now=decision.decided_at)
    return waiting.model_copy(update={"context": context, "cause": error, "history": error.history})


def abort_reason(task_id: str, decision: Decision) -> str:
    """Why a plan was halted by a decision about a task."""
    return _said(decision, f"aborted the plan after {task_id!r} had failed")


def _said(decision: Decision, deed: str) -> str:
    who = {
        BY_DEADLINE: "nobody decided in time, which",
        BY_NOBODY: "nobody could be asked, which",
        BY_CANCELLATION: "the question was cancelled, which",
    }
    comment = f": {decision.comment}" if decision.comment and decision.by_a_person else ""
    return f"{who.get(decision.by, decision.by or 'a person')} {deed}{comment}"
