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
        "feedback": _feedback(work.history),
        "input": given,
        "input_fields": list(field_guide(work.input_schema, given)),
        "input_json": "" if _is_absent(given) else as_json(given),
        "output_schema": "" if output is None else as_json(output.json_schema),
        "special_instructions": work.task.special_instructions.strip(),
        "task": {"id": work.task_id, "tags": list(work.task.tags)},
    }


def _feedback(history: Sequence[TaskError]) -> dict[str, str] | None:
    """What the last answer that was refused was refused for; `None` if none was."""
    for error in reversed(history):
        if reason := _FEEDBACK.get(error.code):
            is_human = error.code is ErrorCode.HUMAN_REJECTED
            # What a check says may quote the answer, and what a model wrote is data.
            return {"reason": reason, "text": error.message if is_human else delimited(error.message)}
    return None


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, Collection) and not value)
