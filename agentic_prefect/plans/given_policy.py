"""Policy fields and a budget that were given outside of a plan: for one run, or in the settings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.budget import Budget
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
    defaults = _as_in_a_plan("defaults", data, source).defaults
    return PolicyFields.model_validate({name: getattr(defaults, name) for name in data})


def given_budget(data: Mapping[str, Any], *, source: str) -> Budget | None:
    """The budget in `data`, written as in a plan; `None` where nothing is given.

    Args:
        data: Limits by name.
        source: Where they were given, for messages.

    Raises:
        PlanProblems: There is no such limit, or a value does not fit; every fault is named.
    """
    return _as_in_a_plan("budget", data, source).budget if data else None


def policy_value(text: str, *, source: str) -> Any:
    """The value of a policy field that was given as YAML or JSON text.

    Raises:
        PlanProblems: It is no such text.
    """
    document = read_document(text, source=source)
    if document.problems:
        raise PlanProblems(source, document.problems)
    return document.value


def _as_in_a_plan(field: str, data: Mapping[str, Any], source: str) -> Plan:
    whole = {"name": "given", field: dict(data), "tasks": [_ANY_TASK]}
    try:
        return Plan.model_validate(whole)
    except ValidationError as error:
        found = complaints(error, whole, {})
        named = (replace(each, path=each.path.removeprefix(f"{field}.")) for each in found)
        raise PlanProblems(source, tuple(named)) from None


def _unknown(name: str) -> Problem:
    hint = did_you_mean(name, POLICY_FIELDS) or f"Known: {listing(POLICY_FIELDS)}."
    return Problem("", f"there is no policy field {name!r}", hint)
