"""Output schemas: those known by name, and how a task's `output` becomes one."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.schema_check import JsonSchema, schema_fault

Importer = Callable[[str], type]
"""Finds the class that `"package.module:Name"` means."""

NAME = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
"""What providers accept as the name of a schema."""


def _object(description: str, **properties: JsonSchema) -> JsonSchema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _text(description: str) -> JsonSchema:
    return {"type": "string", "description": description}


def _texts(description: str) -> JsonSchema:
    return {"type": "array", "description": description, "items": {"type": "string"}}


BUILT_IN: Final[Mapping[str, JsonSchema]] = {
    "default": _object("An answer with its reasons.", result=_text("The answer."), reasoning=_text("Why it is so.")),
    "simple_object": _object("An answer alone.", result=_text("The answer.")),
    "code_generation": _object(
        "A piece of code.",
        code=_text("The code."),
        language=_text("The programming language."),
        explanation=_text("How the code works."),
    ),
    "analysis": _object(
        "An analysis.",
        summary=_text("The outcome in a few sentences."),
        findings=_texts("What was found, one finding each."),
        recommendations=_texts("What should be done, one step each."),
    ),
}
"""Schemas that every plan can name in `output`."""


class SchemaRegistry:
    """Output schemas by name."""

    def __init__(self) -> None:
        self._schemas: dict[str, JsonSchema] = dict(BUILT_IN)

    def register(self, name: str, schema: JsonSchema | type[BaseModel]) -> None:
        """Make a schema known by a name, in place of any that had it.

        Raises:
            PlanInvalid: The name or the schema is not valid.
        """
        if not NAME.match(name):
            message = f"{name!r} cannot name a schema: letters, digits, _ and -, at most 64."
            raise PlanInvalid(message)
        json_schema = schema if isinstance(schema, dict) else model_schema(schema)
        fault = schema_fault(json_schema)
        if fault:
            raise PlanInvalid(f"The schema {name!r} is no valid JSON Schema: {fault}.")
        self._schemas[name] = json_schema

    def get(self, name: str) -> JsonSchema:
        """The schema of that name.

        Raises:
            PlanInvalid: There is none.
        """
        if name not in self._schemas:
            raise PlanInvalid(
                f"No output schema is called {name!r}. Known: {listing(self._schemas)}. "
                f"{did_you_mean(name, self._schemas)} Register it with `SchemaRegistry.register`, or write it out."
            )
        return self._schemas[name]

    def __contains__(self, name: object) -> bool:
        return name in self._schemas

    def list(self) -> tuple[str, ...]:
        """All names, the built-in ones first."""
        return tuple(self._schemas)

    @property
    def schemas(self) -> Mapping[str, JsonSchema]:
        """All schemas by name, as they are at the moment."""
        return dict(self._schemas)

    def reset(self) -> None:
        """Forget everything but the built-in schemas."""
        self._schemas = dict(BUILT_IN)


def resolve_output(
    output: str | dict[str, Any] | None, registry: SchemaRegistry, importer: Importer
) -> OutputSchema | None:
    """The form that a task's answer must have; `None` is text.

    Args:
        output: What the task says: a JSON Schema, `{"model": "package.module:Model"}`, or a registered name.
        registry: The schemas known by name.
        importer: Finds the class a reference means, or refuses to.

    Raises:
        PlanInvalid: The name is unknown, or the class has no schema.
    """
    if output is None or output == "text":
        return None
    if isinstance(output, str):
        return OutputSchema(name=output, json_schema=registry.get(output))
    reference = model_reference(output)
    if reference is None:
        return OutputSchema(name=_name_of(output), json_schema=output)
    return OutputSchema(name=_clean(reference.rpartition(":")[2]), json_schema=model_schema(importer(reference)))


def model_reference(output: object) -> str | None:
    """`"package.module:Model"` when that is how `output` is given, else `None`."""
    if isinstance(output, dict) and set(cast("dict[str, Any]", output)) == {"model"}:
        reference = cast("dict[str, Any]", output)["model"]
        return reference if isinstance(reference, str) else None
    return None


def model_schema(model: Any) -> JsonSchema:
    """The JSON Schema of a pydantic model, a dataclass or any other type that pydantic knows.

    Raises:
        PlanInvalid: It has none.
    """
    try:
        return TypeAdapter(model).json_schema()
    except PydanticUserError as error:
        name, why = getattr(model, "__name__", repr(model)), error.message.partition(". ")[0]
        raise PlanInvalid(f"{name!r} has no JSON Schema: {why}. Use a pydantic model or a dataclass.") from error


def _name_of(schema: JsonSchema) -> str:
    title = schema.get("title")
    return _clean(title) if isinstance(title, str) and title else "answer"


def _clean(text: str) -> str:
    """The text as a name that providers accept."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:64] or "answer"
