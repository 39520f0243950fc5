"""A plan's inputs as the form that a deployment shows."""

from collections.abc import Mapping
from typing import Any, cast

from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.schema_check import JsonSchema


def input_defaults(plan: Plan) -> dict[str, Any]:
    """The values that the form begins with."""
    return {name: schema["default"] for name, schema in plan.inputs.items() if "default" in schema}


def plan_form(plan: Plan) -> dict[str, Any]:
    """The JSON Schema of the parameters of a deployment that runs this plan alone.

    Its inputs have the plan's own types, titles, bounds and defaults; the server holds every run to them. Beside them
    stand the model, the limit of tasks at once, and whether it is a rehearsal.
    """
    definitions: dict[str, Any] = {}
    fields = {
        name: _field(name, schema, place, definitions) for place, (name, schema) in enumerate(plan.inputs.items())
    }
    required = [name for name, schema in plan.inputs.items() if "default" not in schema]
    inputs: dict[str, Any] = {
        "title": "Inputs",
        "type": "object",
        "description": "What the plan works on." if fields else "The plan takes no inputs.",
        "properties": fields,
        "required": required,
        "additionalProperties": False,
    }
    if not required:
        inputs["default"] = input_defaults(plan)
    others = (
        (
            "model",
            "Model",
            "string",
            "",
            "The model of tasks that name none, as CONNECTION/MODEL; empty is the plan's.",
        ),
        (
            "max_concurrency",
            "Tasks at once",
            "integer",
            0,
            "At most this many tasks at once; 0 is the plan's own limit.",
        ),
        ("rehearse", "Rehearse", "boolean", False, "Ask no model; answers are made up, and nothing is paid."),
    )
    properties: dict[str, Any] = {"inputs": {**inputs, "position": 0}}
    for place, (name, title, kind, default, description) in enumerate(others, start=1):
        properties[name] = {
            "title": title,
            "type": kind,
            "default": default,
            "description": description,
            "position": place,
        }
    properties["max_concurrency"]["minimum"] = 0
    return {
        "title": "Parameters",
        "type": "object",
        "properties": properties,
        "required": ["inputs"] if required else [],
        "definitions": definitions,
    }


def _field(name: str, schema: JsonSchema, place: int, definitions: dict[str, Any]) -> dict[str, Any]:
    """One input; what its schema defines for itself moves to where the whole form looks for it."""
    own = {key: value for key, value in schema.items() if key not in ("$defs", "definitions")}
    for kind in ("$defs", "definitions"):
        for inner, definition in cast("Mapping[str, Any]", schema.get(kind, {})).items():
            definitions[f"{name}.{inner}"] = _moved(definition, name)
    field = cast("dict[str, Any]", _moved(own, name))
    return {"title": name.replace("_", " ").capitalize(), **field, "position": place}


def _moved(value: Any, name: str) -> Any:
    """The schema with its references turned to where the definitions are now."""
    if isinstance(value, Mapping):
        moved = {key: _moved(inner, name) for key, inner in cast("Mapping[str, Any]", value).items()}
        reference = moved.get("$ref")
        if isinstance(reference, str):
            moved["$ref"] = _reference(reference, name)
        return moved
    if isinstance(value, list):
        return [_moved(inner, name) for inner in cast("list[Any]", value)]
    return value


def _reference(reference: str, name: str) -> str:
    for start in ("#/$defs/", "#/definitions/"):
        if reference.startswith(start):
            return f"#/definitions/{name}.{reference.removeprefix(start)}"
    own = f"#/properties/inputs/properties/{name}"
    return own + reference.removeprefix("#") if reference.startswith("#") else reference
