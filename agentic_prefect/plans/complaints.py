"""The data model's complaints about a plan in the words of a plan: where, what is wrong, what was meant."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.document import Place, dotted
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.problems import Problem

MEANT: Mapping[str, str] = {
    "conditions": "when",
    "condition": "when",
    "dependencies": "depends_on",
    "foreach": "for_each",
    "if": "when",
    "inputs": "input",
    "loop": "for_each",
    "max_retries": "retries",
    "name": "id",
    "needs": "depends_on",
    "output_schema": "output",
    "requires": "depends_on",
    "schema": "output",
    "steps": "tasks",
    "timeout": "timeout_s",
    "tools": "capabilities",
    "with": "input",
}
"""What other tools call our fields."""
MAX_SHOWN_CHARS = 60
_ACTIONS = ("skip_dependents", "continue", "abort", "ask_human", "{fallback: [task, ...]}")
_PLAIN_WORDS = (
    (r"a valid (dictionary|mapping)( or instance of \w+)?", "a mapping"),
    (r"a valid (tuple|list)", "a list"),
    (r"a valid string", "text"),
    (r"a valid boolean", "true or false"),
    (r"a valid (integer|number)", r"a number"),
    (r"(Tuple|List|Dictionary) should have at least (\d+) items? after validation, not \d+", r"needs at least \2"),
)
"""What the data model says -> what it means to somebody who writes YAML."""
_KEY = "[key]"
"""How the data model marks that a mapping's key is meant, not its value."""


def complaints(error: ValidationError, data: Any, lines: Mapping[Place, int]) -> tuple[Problem, ...]:
    """One problem per place of the plan that does not fit the model.

    Args:
        error: What the model `Plan` said.
        data: What it was given.
        lines: Line, from 1, by the keys that lead to a value.
    """
    grouped: dict[Place, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        grouped.setdefault(place_in(data, detail), []).append(detail)
    problems = [
        _problem(place, details, data, lines)
        for place, details in grouped.items()
        # A list counts as too short when none of its items is in order, which is no fault of its own.
        if details[0]["type"] != "too_short"
        or not any(other[: len(place)] == place for other in grouped if other != place)
    ]
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))


def place_name(place: Place, data: Any) -> str:
    """A place as people call it: `task search: retries`, `agent writer: role`, `inputs.query`."""
    match place:
        case ("tasks", int(index), *rest):
            task_id = _at(data, ("tasks", index, "id"))
            name = f"task {task_id}" if isinstance(task_id, str) else f"tasks[{index}]"
        case ("agents", str(agent), *rest):
            name = f"agent {agent}"
        case _:
            return dotted(place)
    return f"{name}: {dotted(tuple(rest))}" if rest else name


def _problem(place: Place, details: list[ErrorDetails], data: Any, lines: Mapping[Place, int]) -> Problem:
    first = details[0]
    line = next((lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in lines), None)
    message, hint, shown = _said(first, details, place)
    return Problem(place_name(shown, data), message, hint, line=line)


def _said(first: ErrorDetails, details: list[ErrorDetails], place: Place) -> tuple[str, str, Place]:
    """Message, hint, and the place that goes with them."""
    given, last = _shown(first["input"]), str(place[-1]) if place else ""
    context = cast("Mapping[str, Any]", first.get("ctx", {}))
    if _KEY in first["loc"]:
        codes = [code.value for code in ErrorCode] + ["default"]
        return (
            f"there is no error code {last!r}",
            did_you_mean(last, codes) or f"Known: {listing(codes, most=30)}.",
            place[:-1],
        )
    match first["type"]:
        case "extra_forbidden":
            known = _fields_at(place[:-1])
            return f"unknown field {last!r}", _meant_field(last, known), place[:-1]
        case "missing":
            return f"the field {last!r} is missing", "", place[:-1]
        case "union_tag_invalid":
            tag = str(context.get("tag", ""))
            if tag == "fallback":
                return "no further fallback follows a fallback", "Name all of them in one list.", place
            return f"there is no {tag!r}", did_you_mean(tag, _ACTIONS) or f"Known: {listing(_ACTIONS)}.", place
        case "union_tag_not_found" | "model_attributes_type" if last in ("on_failure", "then"):
            return f"got {given}", f"Write one of: {listing(_ACTIONS)}.", place
        case "string_pattern_mismatch" if last == "id":
            hint = (
                "It needs a letter first, then letters, digits or _, at most 64 in all: expressions use it as a name."
            )
            return f"{given} cannot be an id.", hint, place
        case "string_pattern_mismatch" if last == "name":
            hint = "It needs small letters, digits, - or _, at most 100 in all."
            return f"{given} cannot be a name.", hint, place
        case "enum" | "literal_error":
            expected = re.findall(r"'([^']+)'", str(context.get("expected", "")))
            return f"{_lowered(first['msg'])}, got {given}", did_you_mean(str(first["input"]), expected), place
        case _:
            said = dict.fromkeys(_lowered(detail["msg"]) for detail in details)
            return f"{' or '.join(said)}, got {given}", "", place


def _meant_field(name: str, known: list[str]) -> str:
    """What somebody who wrote `name` may have had in mind."""
    meant = MEANT.get(name, name)
    if meant in known:
        return f"Did you mean {meant!r}?"
    if meant in AgentSpec.model_fields:
        return f"{meant!r} is a field of an agent; agents stand under `agents` and are named by the task's `agent`."
    return did_you_mean(name, known) or f"Known fields: {listing(known, most=40)}."


def place_in(data: Any, detail: ErrorDetails) -> Place:
    """Where in the data the error is: the model's path without the parts that name a kind of value."""
    place: list[str | int] = []
    value = data
    for part in detail["loc"]:
        inner = _at(value, (part,))
        if inner is not _NOTHING:
            place.append(part)
            value = inner
    last = detail["loc"][-1] if detail["loc"] else ""
    is_named = detail["type"] == "missing" or (detail["type"] == "extra_forbidden" and place[-1:] != [last])
    return (*place, last) if is_named else tuple(place)


def _at(value: Any, place: Iterable[str | int]) -> Any:
    for key in place:
        if isinstance(value, Mapping) and key in value:
            value = cast("Mapping[Any, Any]", value)[key]
        elif isinstance(value, list | tuple) and isinstance(key, int) and key < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[key]
        else:
            return _NOTHING
    return value


_NOTHING = object()


def _fields_at(place: Place) -> list[str]:
    """The fields of the part of a plan that a path leads to."""
    models: list[type[BaseModel]] = [Plan]
    is_key = False
    for part in place:
        if is_key or isinstance(part, int):
            is_key = False
            continue
        annotations = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        models = [model for annotation in annotations for model in _models_in(annotation)]
        is_key = any(_is_mapping(annotation) for annotation in annotations)
    return list(
        dict.fromkeys(name for model in models for name in model.model_fields if name != "kind" or len(models) == 1)
    )


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _is_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is dict or any(_is_mapping(part) for part in get_args(annotation))


def _lowered(message: str) -> str:
    text = message.removeprefix("Input ").removeprefix("Value error, ")
    for pattern, plain in _PLAIN_WORDS:
        text = re.sub(pattern, plain, text)
    return text[:1].lower() + text[1:]


def _shown(value: Any) -> str:
    if value is None:
        return "nothing (null)"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"
