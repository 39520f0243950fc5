"""A plan from text, and text from a plan."""

import re
from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import ValidationError

from agentic_prefect.models.plan import SCHEMA_VERSION, Plan
from agentic_prefect.plans.complaints import complaints
from agentic_prefect.plans.document import Document, Format, read_document
from agentic_prefect.plans.problems import PlanProblems, Problem
from agentic_prefect.plans.written import as_json, as_yaml, plain_plan


def load_plan(text: str | Mapping[str, Any], *, source: str = "<plan>", format: Format = "auto") -> Plan:
    """The plan that a YAML or JSON text, or the data of one, describes.

    What only the whole plan can show (unknown tasks, circles and the like) is checked by `validate_plan`. A key is
    refused; a `Connection` made in Python may carry one.

    Args:
        text: The text, or a mapping with what would stand in it.
        source: Its name, for messages; a name that ends in `.json` is JSON when `format` is `auto`.
        format: What the text is.

    Raises:
        PlanProblems: With everything that is wrong at once.
    """
    if isinstance(text, str):
        # What names no tasks may be any file, one with secrets too.
        document = read_document(text, source=source, format=format, quoting=bool(_TASKS.search(text)))
    else:
        document = Document(text)
    if problems := (_outer_problems(document.value) or document.problems):
        raise PlanProblems(source, tuple(problems))
    value, keys = _without_keys(document.value)
    problems = [_key_problem(name, document) for name in keys]
    try:
        plan = Plan.model_validate(value)
    except ValidationError as error:
        refused = PlanProblems(source, (*complaints(error, value, document.lines), *problems))
        refused.data = value
        raise refused from error
    if problems:
        raise PlanProblems(source, tuple(problems))
    return plan


def dump_plan(plan: Plan, format: Literal["yaml", "json"] = "yaml") -> str:
    """The plan as text that `load_plan` makes the same plan of. Only what was set is written; keys never are."""
    data = plain_plan(plan)
    return as_yaml(data) if format == "yaml" else as_json(data)


def _without_keys(value: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The plan without the keys that are written in it, and the connections that have one. No message shows a key."""
    models = value.get("models")
    if not isinstance(models, Mapping):
        return value, ()
    connections = cast("Mapping[str, Any]", models)
    having = tuple(
        name
        for name, connection in connections.items()
        if isinstance(connection, Mapping) and cast("Mapping[str, Any]", connection).get(_KEY) is not None
    )
    bare = {name: {field: given for field, given in connections[name].items() if field != _KEY} for name in having}
    return {**value, "models": {**connections, **bare}}, having


def _key_problem(name: str, document: Document) -> Problem:
    message = "a key stands in no plan: plans are stored, shown and shared"
    hint = (
        "Name the environment variable that holds it with `api_key_env`, or keep it in a Prefect block "
        "`OpenAIConnection` of this connection's name."
    )
    return Problem(f"models.{name}.{_KEY}", message, hint, line=document.lines.get(("models", name, _KEY)))


_KEY = "api_key"
_TASKS = re.compile(r"(?:^|[{,])\s*[\"']?tasks[\"']?\s*:", re.MULTILINE)
"""What a text that is meant as a plan has somewhere."""


def _outer_problems(value: Any) -> list[Problem]:
    """What makes looking any further useless. What is no plan at all is not quoted."""
    if value is None:
        return [Problem("", "the plan is empty.", "It needs at least `name` and `tasks`.")]
    if not isinstance(value, Mapping):
        return [Problem("", f"a plan is a mapping with `name` and `tasks`, got {type(value).__name__}.")]
    given = cast("Mapping[str, Any]", value)
    version = given.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        message = f"the plan is written for schema version {version}, this program reads up to {SCHEMA_VERSION}."
        return [Problem("schema_version", message, "Update agentic-prefect, or write the plan for the older version.")]
    if given.keys().isdisjoint(("name", "tasks", "steps")):
        return [Problem("", f"the field {name!r} is missing") for name in ("name", "tasks")]
    return []
