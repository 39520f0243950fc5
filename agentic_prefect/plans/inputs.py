"""The inputs of a plan: what was given, with defaults, checked before anything starts."""

import json
from collections.abc import Mapping
from typing import Any, cast

from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.problems import PlanProblems, Problem
from agentic_prefect.plans.schema_check import JsonSchema, violations

TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
"""How a truth is written on a command line, in small letters."""


def validate_inputs(plan: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every input, in the plan's order.

    Args:
        plan: The plan that declares the inputs.
        given: The values by name; an input that is left out gets its default.

    Raises:
        PlanProblems: With everything that is wrong at once: unknown, missing, not as declared.
    """
    problems = [_unknown(plan, name) for name in given if name not in plan.inputs]
    values: dict[str, Any] = {}
    for name, schema in plan.inputs.items():
        if name in given:
            values[name] = given[name]
            problems += [Problem(f"input {name}", fault, _wanted(schema)) for fault in violations(schema, given[name])]
        elif "default" in schema:
            values[name] = schema["default"]
        else:
            problems.append(Problem(f"input {name}", "it is missing and has no default", _wanted(schema)))
    _refuse(plan, problems)
    return values


def parse_inputs(plan: Plan, pairs: Mapping[str, str]) -> dict[str, Any]:
    """Inputs that were given as text, as on a command line, with the types that the plan declares.

    Lists and mappings are written as JSON; a list of texts may also be written with commas. An input without a type is
    read as JSON if it is JSON, and is text otherwise. Unknown names are passed on: `validate_inputs` complains.

    Raises:
        PlanProblems: With every text that cannot be read as its type.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, text in pairs.items():
        schema = plan.inputs.get(name, {"type": "string"})
        try:
            values[name] = _parsed(text, schema)
        except ValueError:
            problems.append(Problem(f"input {name}", f"{text!r} cannot be read as {_kind(schema)}", _wanted(schema)))
    _refuse(plan, problems)
    return values


def _refuse(plan: Plan, problems: list[Problem]) -> None:
    if problems:
        raise PlanProblems(f"Plan {plan.name!r}", tuple(problems))


def _unknown(plan: Plan, name: str) -> Problem:
    hint = did_you_mean(name, plan.inputs) or f"It has: {listing(plan.inputs)}."
    return Problem(f"input {name}", "the plan has no such input", hint)


def _parsed(text: str, schema: JsonSchema) -> Any:
    """The value that the text stands for.

    Raises:
        ValueError: It fits none of the types.
    """
    options = cast("list[Any] | None", schema.get("enum"))
    if options is not None:
        return next((option for option in options if option == text or json.dumps(option) == text), text)
    for kind in _kinds(schema):
        try:
            return _as_kind(text, kind, schema)
        except ValueError:
            continue
    raise ValueError(text)


def _kinds(schema: JsonSchema) -> list[str]:
    """The types that are allowed, text last since everything is text; several for `anyOf`, `any` for none at all."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return [declared]
    kinds: list[str] = list(cast("list[str]", declared or []))
    for word in ("anyOf", "oneOf"):
        kinds += [
            kind for part in schema.get(word, ()) if isinstance(part, dict) for kind in _kinds(cast("JsonSchema", part))
        ]
    return sorted(dict.fromkeys(kinds), key="string".__eq__) or ["any"]


def _as_kind(text: str, kind: str, schema: JsonSchema) -> Any:
    match kind:
        case "string":
            return text
        case "integer":
            return int(text)
        case "number":
            number = float(text)
            return int(text) if number.is_integer() and text.lstrip("+-").isdecimal() else _finite(number)
        case "boolean":
            if text.lower() not in TRUTHS:
                raise ValueError(text)
            return TRUTHS[text.lower()]
        case "null":
            if text not in ("", "null"):
                raise ValueError(text)
            return None
        case "array":
            return _as_list(text, schema)
        case "object":
            return _json_of(text, dict)
        case _:
            try:
                return json.loads(text)
            except ValueError:
                return text


def _as_list(text: str, schema: JsonSchema) -> Any:
    try:
        return _json_of(text, list)
    except ValueError:
        items = schema.get("items", {})
        if text.lstrip().startswith("[") or not isinstance(items, dict) or items.get("type") != "string":  # pyright: ignore[reportUnknownMemberType]
            raise
        return [part.strip() for part in text.split(",") if part.strip()]


def _json_of(text: str, kind: type) -> Any:
    value = json.loads(text)
    if not isinstance(value, kind):
        raise ValueError(text)
    return value


def _finite(number: float) -> float:
    if number != number or abs(number) == float("inf"):
        raise ValueError(number)
    return number


def _kind(schema: JsonSchema) -> str:
    return " or ".join(_kinds(schema))


def _wanted(schema: JsonSchema) -> str:
    """What the input is meant to be."""
    description = schema.get("description")
    words = [f"It is of type {_kind(schema)}" if _kinds(schema) != ["any"] else ""]
    words.append(str(description).rstrip(".") if description else "")
    said = ": ".join(word for word in words if word)
    return f"{said}." if said else ""
