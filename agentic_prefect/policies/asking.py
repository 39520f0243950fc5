"""What a person is asked about a task, what is likely to help, and when enough have spoken. Pure decisions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.asking import Asking, DecisionAction, Priority
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.intervention import BY_CANCELLATION, BY_DEADLINE, Decision, Intervention, OutputForm
from agentic_prefect.models.policy import AskHuman
from agentic_prefect.models.task import AgentTask

ABOUT_FAILURES: tuple[DecisionAction, ...] = (
    "retry",
    "edit_input",
    "supply_output",
    "skip",
    "continue",
    "fail",
    "abort",
)
"""What may be decided about any failed task; `fallback` where the policy offers one."""

_FALLBACK: tuple[DecisionAction, ...] = ("fallback",)
_ACCESS: tuple[DecisionAction, ...] = ("retry", "skip", "abort")
_PASSING: tuple[DecisionAction, ...] = ("retry", "skip", "supply_output")
_ANSWER: tuple[DecisionAction, ...] = ("supply_output", "edit_input", "retry", "skip")
_SPENT: tuple[DecisionAction, ...] = ("retry", "supply_output", "skip", "abort")
_OTHERWISE: tuple[DecisionAction, ...] = ("retry", "supply_output", "skip", "abort")

_SUGGESTED: Mapping[ErrorCode, tuple[DecisionAction, ...]] = {
    ErrorCode.AUTHENTICATION: _ACCESS,
    ErrorCode.PERMISSION: _ACCESS,
    ErrorCode.RATE_LIMIT: _PASSING,
    ErrorCode.TIMEOUT: _PASSING,
    ErrorCode.CONNECTION: _PASSING,
    ErrorCode.SERVER: _PASSING,
    ErrorCode.OVERLOADED: _PASSING,
    ErrorCode.INVALID_OUTPUT: _ANSWER,
    ErrorCode.VERIFICATION_FAILED: _ANSWER,
    ErrorCode.REFUSAL: _ANSWER,
    ErrorCode.CONTENT_FILTER: _ANSWER,
    ErrorCode.CONTEXT_LENGTH: ("edit_input", "supply_output", "skip"),
    ErrorCode.INVALID_REQUEST: ("edit_input", "supply_output", "skip"),
    ErrorCode.BUDGET_EXCEEDED: _SPENT,
    ErrorCode.RUNAWAY: ("edit_input", "supply_output", "skip"),
}
"""By what ended the last attempt: a passing fault is worth another try, a spent budget is once there is more in it."""


def about_failure(
    task: AgentTask,
    error: TaskError,
    policy: AskHuman,
    *,
    id: str,
    plan: str,
    output_schema: dict[str, Any] | None,
    diagram: str = "",
) -> Intervention:
    """The question about a task that failed.

    Args:
        task: The task with its effective fields.
        error: Why it failed.
        policy: How people are asked.
        id: The intervention's id.
        plan: The plan's name.
        output_schema: The JSON Schema of the task's answer, of one item's for a fan-out; `None` when it has none.
        diagram: The plan as a Mermaid flowchart.
    """
    if task.for_each is not None:
        output_schema = {"type": "array", "items": output_schema or {}}
    offered: tuple[DecisionAction, ...] = tuple(
        each for each in ABOUT_FAILURES if each != "edit_input" or task.for_each is None
    )
    helpful = suggested_actions(error)
    if policy.fallback:
        helpful, offered = (*_FALLBACK, *helpful), (*_FALLBACK, *offered)
    suggested: tuple[DecisionAction, ...] = tuple(each for each in helpful if each in offered)
    others: tuple[DecisionAction, ...] = tuple(each for each in offered if each not in suggested)
    return Intervention(
        id=id,
        plan=plan,
        task_id=task.id,
        question=f"Task {task.id!r} was stopped by its budget. May more be spent?"
        if error.is_over_budget
        else f"Task {task.id!r} failed. What is to be done?",
        error=error,
        actions=suggested + others,
        suggested=suggested,
        priority=priority_of(task),
        asking=Asking.model_validate(policy.model_dump(include=set(Asking.model_fields))),
        output_form=_form(task, output_schema),
        output_schema=output_schema,
        fallback=policy.fallback,
        diagram=diagram,
    )


def human_task(
    task: AgentTask,
    *,
    id: str,
    plan: str,
    name: str,
    question: str,
    details: str,
    output_schema: dict[str, Any] | None,
) -> Intervention:
    """The question that a task of kind `human` is: an answer to a schema where it has one, else an approval.

    Args:
        task: The task with its effective fields.
        id: The intervention's id.
        plan: The plan's name.
        name: The task's id, or `id[index]`.
        question: The rendered description.
        details: What there is to look at, as Markdown.
        output_schema: The JSON Schema of the answer; `None` asks for approval.
    """
    approval = output_schema is None and task.output is None
    return Intervention(
        id=id,
        plan=plan,
        task_id=name,
        question=question,
        details=details,
        actions=("approve" if approval else "supply_output", "reject", "abort"),
        priority=priority_of(task),
        asking=task.ask or Asking(),
        output_form="json" if output_schema is not None else "text",
        output_schema=output_schema,
    )


def suggested_actions(error: TaskError) -> tuple[DecisionAction, ...]:
    """What helps against an error, the likeliest first; for exhausted retries what ended the last attempt counts."""
    codes = (error.code, *([error.cause.code] if error.cause else []))
    return next((_SUGGESTED[code] for code in codes if code in _SUGGESTED), _OTHERWISE)


def priority_of(task: AgentTask) -> Priority:
    """How urgent a question about a task is."""
    if task.critical:
        return "critical"
    return "high" if task.priority > 0 else "low" if task.priority < 0 else "normal"


def default_decision(intervention: Intervention, *, by: str, now: datetime) -> Decision:
    """What holds when nobody decided.

    Args:
        intervention: What was asked.
        by: `BY_DEADLINE`, `BY_CANCELLATION` or `BY_NOBODY`.
        now: The time.
    """
    asking = intervention.asking
    why = {
        BY_DEADLINE: f"Nobody decided within {asking.deadline_s:g} s." if asking.deadline_s else "",
        BY_CANCELLATION: "The question was cancelled.",
    }
    comment = why.get(by, "Nobody could be asked.")
    return Decision(
        action=asking.default,
        output=asking.default_output,
        comment=comment,
        intervention_id=intervention.id,
        by=by,
        decided_at=now,
    )


def settled_by(votes: Sequence[Decision], asking: Asking) -> Decision | None:
    """The decision, once enough people decided alike or no longer can; `None` while more are needed.

    To abort, one is enough. The comments of all who agreed are kept.
    """
    if not votes:
        return None
    last = votes[-1]
    alike = [vote for vote in votes if (vote.action, vote.output, vote.input) == (last.action, last.output, last.input)]
    if len(alike) >= asking.approvals or last.action == "abort":
        comment = " · ".join(
            f"{vote.by}: {vote.comment}" if vote.by and len(alike) > 1 else vote.comment
            for vote in alike
            if vote.comment
        )
        by = ", ".join(dict.fromkeys(vote.by for vote in alike if vote.by))
        return last.model_copy(update={"comment": comment, "by": by})
    left = (asking.reviewers or asking.approvals) - len(votes)
    most = max(sum(vote.action == each.action for vote in votes) for each in votes)
    if most + left >= asking.approvals:
        return None
    said = ", ".join(f"{vote.by or 'somebody'}: {vote.action}" for vote in votes)
    return last.model_copy(
        update={"action": "reject", "comment": f"No {asking.approvals} agreed ({said}).", "output": None, "input": None}
    )


def _form(task: AgentTask, output_schema: dict[str, Any] | None) -> OutputForm:
    if output_schema is not None:
        return "json"
    return "text" if task.kind == "agent" else "any"
