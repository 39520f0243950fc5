"""Policy fields that were given outside of a plan: for one run, or in the settings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.complaints import complaints
from agentic_prefect.plans.document import read_document
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.problems import PlanProblems, Problem

POLICY_FIELDS = tuple(PolicyFields.model_fields)
_ANY_TASK = {"id": "task", "description": "anything"}


def given_policy(data: Mapping[str, Any], *, source: str) -> PolicyFields:
    """The policy fields in `data`, written as in a plan's `defaults`.

    Args:
        data: Values by field.
        source: Where they were given, for messages.

    Raises:
        PlanProblems: There is no such field, or a value does not fit; every fault is named.
    """
    unknown = [name for name in data if name not in POLICY_FIELDS]
    if unknown:
        raise PlanProblems(source, tuple(map(_unknown, unknown)))
    whole = {"name": "policy", "defaults": dict(data), "tasks": [_ANY_TASK]}
    try:
        defaults = Plan.model_validate(whole).defaults
    except ValidationError as error:
        found = complaints(error, whole, {})
        named = (replace(each, path=each.path.removeprefix("defaults.")) for each in found)
        raise PlanProblems(source, tuple(named)) from None
    return PolicyFields.model_validate({name: getattr(defaults, name) for name in data})


def policy_value(text: str, *, source: str) -> Any:
    """The value of a policy field that was given as YAML or JSON text.

    Raises:
        PlanProblems: It is no such text.
    """
    document = read_document(text, source=source)
    if document.problems:
        raise PlanProblems(source, document.problems)
    return document.value


def _unknown(name: str) -> Problem:
    hint = did_you_mean(name, POLICY_FIELDS) or f"Known: {listing(POLICY_FIELDS)}."
    return Problem("", f"there is no policy field {name!r}", hint)
