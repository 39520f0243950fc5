"""What a template says of its variables, and whether data satisfies it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from agentic_prefect.models.base import Frozen

VariableType = Literal["any", "string", "integer", "number", "boolean", "array", "object"]

_PYTHON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple, Sequence),
    "object": (dict, Mapping),
}


class Variable(Frozen):
    """One variable of a template. In front matter its type alone will do: `topic: string`."""

    type: VariableType = "any"
    default: Any = None
    """Used when the variable is not given."""
    required: bool | None = Field(default=None, validate_default=True)
    """`None` means: required, unless there is a default."""
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _read_type_alone(cls, value: Any) -> Any:
        if value is None:
            return {}
        return {"type": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_sensible_default(self) -> Self:
        if "default" not in self.model_fields_set or self.default is None:
            return self
        if self.required:
            raise ValueError("a variable with a default is not required; leave out one of the two")
        if not fits(self.default, self.type):
            raise ValueError(f"the default {self.default!r} is not of the type {self.type}")
        return self

    @property
    def is_required(self) -> bool:
        """Whether rendering without it is an error."""
        return "default" not in self.model_fields_set if self.required is None else self.required


def fits(value: Any, wanted: VariableType) -> bool:
    """Whether a value is of that type; a truth is no number, and text is no array."""
    if wanted == "any":
        return True
    if isinstance(value, bool):
        return wanted == "boolean"
    if isinstance(value, str):
        return wanted == "string"
    return isinstance(value, _PYTHON_TYPES[wanted])


def read_variable(text: str, wanted: VariableType) -> Any:
    """The value that a text typed by a person means: JSON where it is, the text itself where text is wanted."""
    if wanted == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
