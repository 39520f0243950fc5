"""What can be said about a plan of which some fields cannot be read."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final, cast

from pydantic import ValidationError

from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.complaints import MEANT, place_in
from agentic_prefect.plans.document import Format, Place
from agentic_prefect.plans.load import load_plan
from agentic_prefect.plans.names import nearest
from agentic_prefect.plans.problems import PlanProblems, errors_in
from agentic_prefect.plans.validate import validate_plan

SHAPING: Final = frozenset(
    {"agent", "agents", "ask", "call", "description", "for_each", "id", "input", "inputs", "kind", "output", "plan"}
    | {"tasks", "use"}
)
"""Fields without which other rules would complain of what is not wrong."""
_DEPTH: Final[Mapping[str, int]] = {"agents": 3, "defaults": 2, "models": 3, "tasks": 3}
"""Part of a plan -> how many keys lead to a field of it; elsewhere it is one."""


def load_whole(text: str, *, source: str, format: Format = "auto") -> Plan:
    """As `load_plan`; beside fields that cannot be read, what the rules say about the rest is told, too.

    Raises:
        PlanProblems: With everything that is wrong at once, as far as that can be told from the text alone.
    """
    try:
        return load_plan(text, source=source, format=format)
    except PlanProblems as error:
        cause = error.__cause__
        rest = readable(error.data, cause) if isinstance(cause, ValidationError) else None
        found = errors_in(validate_plan(rest)) if rest is not None else ()
        if not found:
            raise
        raise PlanProblems(source, (*error.problems, *found)) from error


def readable(data: Any, error: ValidationError) -> Plan | None:
    """The plan without the fields that do not fit; `None` when it would not be the same plan without them.

    Args:
        data: What the model `Plan` was given.
        error: What it said.
    """
    rest = deepcopy(data)
    for detail in error.errors(include_url=False):
        place = place_in(data, detail)
        is_unknown = detail["type"] == "extra_forbidden"
        if not is_unknown:
            place = place[: _DEPTH.get(str(place[0]), 1)] if place else place
        field = str(place[-1]) if place else ""
        meant = MEANT.get(field, nearest(field, AgentTask.model_fields) or field) if is_unknown else field
        if (
            detail["type"] == "missing"
            or len(place) < _DEPTH.get(str(place[0]) if place else "", 1)
            or meant in SHAPING
        ):
            return None
        _remove(rest, place)
    try:
        return Plan.model_validate(rest)
    except ValidationError:
        return None


def _remove(value: Any, place: Place) -> None:
    """Take out what stands there, unless it has been taken out."""
    for key in place[:-1]:
        if isinstance(value, dict) and key not in value:
            return
        value = cast("Any", value)[key]
    if isinstance(value, dict):
        cast("dict[Any, Any]", value).pop(place[-1], None)
