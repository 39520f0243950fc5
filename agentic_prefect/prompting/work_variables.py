"""What templates for tasks are given: a task's work as variables."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.error import TaskError
from agentic_prefect.ports import Work
from agentic_prefect.prompting.context import delimited
from agentic_prefect.prompting.schema_guide import field_guide
from agentic_prefect.prompting.text import compact_json, pretty_json

TRAITS: Final = ("json_mode", "small_context")
"""Capabilities that say what a model can do. Every other one is a tool."""

GIVEN: Final = frozenset(
    {"agent", "capabilities", "tools", "detail", "description", "domain", "feedback", "input", "input_fields"}
    | {"input_json", "output_schema", "special_instructions", "task", "context", "examples", "reasoning"}
)
"""The names of all variables that a template for tasks is given."""

_FEEDBACK: Final = {
    ErrorCode.VERIFICATION_FAILED: "A check did not accept your answer.",
    ErrorCode.INVALID_OUTPUT: "Your answer did not have the form that was asked for.",
    ErrorCode.HUMAN_REJECTED: "A person did not accept your answer.",
}
"""Errors that say something about the answer. A rate limit or a timeout does not."""

NOT_THE_ANSWER: Final = frozenset(
    {
        *(ErrorCode.RATE_LIMIT, ErrorCode.TIMEOUT, ErrorCode.CONNECTION, ErrorCode.SERVER, ErrorCode.OVERLOADED),
        *(ErrorCode.AUTHENTICATION, ErrorCode.PERMISSION, ErrorCode.BUDGET_EXCEEDED, ErrorCode.PLAN_INVALID),
    }
)
"""Errors after which what a person says, such as that the key was renewed, is not meant for the model."""


def data_of(
    work: Work,
    *,
    given: Any,
    output: OutputSchema | None,
    capabilities: Iterable[str] = (),
    domain: str = "",
) -> dict[str, Any]:
    """The variables that every template for tasks is given, except `context` and `examples`. An absent part is empty
    or null.

    Args:
        work: What is to be done.
        given: Its input, without pictures.
        output: The form that the answer is to have.
        capabilities: What the agent can do besides what it lists.
        domain: The field of work.
    """
    agent = work.agent
    able = list(dict.fromkeys((*agent.capabilities, *capabilities)))
    as_json = compact_json if "small_context" in able else pretty_json
    return {
        "agent": {
            "name": agent.name,
            "role": agent.role,
            "purpose": agent.purpose,
            "backstory": agent.backstory,
            "constraints": list(agent.constraints),
        },
        "capabilities": able,
        "tools": [name for name in able if name not in TRAITS],
        "detail": agent.detail or "",
        "description": work.description.strip(),
        "domain": domain,
        "feedback": _feedback((*work.failed_before, *work.history), work.comment),
        "input": given,
        "input_fields": list(field_guide(work.input_schema, given)),
        "input_json": "" if _is_absent(given) else as_json(given),
        "output_schema": "" if output is None else as_json(output.json_schema),
        "special_instructions": work.task.special_instructions.strip(),
        "task": {"id": work.task_id, "tags": list(work.task.tags)},
    }


def _feedback(history: Sequence[TaskError], comment: str) -> dict[str, str] | None:
    """What the last answer that was refused was refused for, and what a person says about it; `None` if nothing was."""
    said = comment.strip() if not history or history[-1].code not in NOT_THE_ANSWER else ""
    refused = next((error for error in reversed(history) if error.code in _FEEDBACK), None)
    if refused is None:
        return {"reason": "A person sent it back and says:", "text": said} if said else None
    is_human = refused.code is ErrorCode.HUMAN_REJECTED
    # What a check says may quote the answer, and what a model wrote is data.
    text = refused.message if is_human else delimited(refused.message)
    also = f"\n\nA person looked at it and says:\n\n{said}" if said else ""
    return {"reason": _FEEDBACK[refused.code], "text": text + also}


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, Collection) and not value)
