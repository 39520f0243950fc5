"""Answers that come with the thoughts that led to them: the form that is asked for, and the answer alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from agentic_prefect.models.chat import OutputSchema

THOUGHTS: Final = "reasoning"
ANSWER: Final = "answer"
_SHARED: Final = ("$defs", "definitions")


def with_thoughts(output: OutputSchema | None) -> OutputSchema:
    """The form of an answer with thoughts before it, in the order in which a model writes them.

    Args:
        output: The form of the answer alone; `None` is text.
    """
    own: dict[str, Any] = {"type": "string"} if output is None else output.json_schema
    shared = {name: _moved(own[name]) for name in _SHARED if name in own}
    answer = _moved({name: value for name, value in own.items() if name not in _SHARED and name != "$schema"})
    schema = {
        "type": "object",
        "properties": {
            THOUGHTS: {"type": "string", "description": "The thoughts that lead to the answer, step by step."},
            ANSWER: answer,
        },
        "required": [THOUGHTS, ANSWER],
        "additionalProperties": False,
        **shared,
    }
    return OutputSchema(name=output.name if output else ANSWER, json_schema=schema)


def answer_alone(value: Any) -> Any:
    """What stands under `answer` in a value of that form."""
    return value[ANSWER]


def _moved(schema: Any) -> Any:
    """The schema with references that still lead to the same places."""
    if isinstance(schema, Mapping):
        fields = cast("Mapping[str, Any]", schema)
        return {
            name: _moved_reference(value) if name == "$ref" and isinstance(value, str) else _moved(value)
            for name, value in fields.items()
        }
    if isinstance(schema, list):
        return [_moved(item) for item in cast("Sequence[Any]", schema)]
    return schema


def _moved_reference(reference: str) -> str:
    if not reference.startswith("#") or reference.startswith(tuple(f"#/{name}/" for name in _SHARED)):
        return reference
    return f"#/properties/{ANSWER}{reference[1:]}"
