"""JSON Schemas of inputs and outputs."""

from collections.abc import Iterator
from typing import cast

from agentic_prefect.plans.problems import Problem
from agentic_prefect.plans.references import REFERENCE
from agentic_prefect.plans.schema_check import JsonSchema, schema_fault, violations
from agentic_prefect.plans.schema_limits import (
    COMMON_DEPTH,
    COMMON_PROPERTIES,
    MOST_DEPTH,
    MOST_PROPERTIES,
    size_of,
)
from agentic_prefect.plans.schemas import model_reference
from agentic_prefect.plans.validation.subject import Subject, forbidden_reference


def form_problems(subject: Subject) -> Iterator[Problem]:
    """Schemas that are none, defaults that do not fit, and schemas too large to be enforced."""
    for name, schema in subject.plan.inputs.items():
        place = f"inputs.{name}"
        fault = schema_fault(schema)
        if fault:
            yield Problem(place, f"it is no valid JSON Schema: {fault}", "Write, for example, `{type: string}`.")
        elif "default" in schema:
            for violation in violations(schema, schema["default"]):
                yield Problem(f"{place}.default", f"it does not fit the input's own schema: {violation}")
    for written, task in subject.both():
        yield from _own(subject, subject.place(written, "input_schema"), task.input_schema)
        yield from _own(subject, subject.place(written, "output"), task.output, sent=task.kind == "agent")


def _own(subject: Subject, place: str, schema: object, *, sent: bool = False) -> Iterator[Problem]:
    """What is wrong with a schema that a task writes out."""
    if not isinstance(schema, dict):
        return
    reference = model_reference(cast("JsonSchema", schema))
    if reference is not None:
        if not REFERENCE.match(reference):
            message = f"{reference!r} is no reference to a model"
            yield Problem(place, message, "Write `{model: package.module:Model}`.")
        else:
            yield from forbidden_reference(subject, place, reference)
        return
    fault = schema_fault(cast("JsonSchema", schema))
    if fault:
        yield Problem(place, f"it is no valid JSON Schema: {fault}")
    elif sent:
        yield from _size(place, cast("JsonSchema", schema))


def _size(place: str, schema: JsonSchema) -> Iterator[Problem]:
    size = size_of(schema)
    refused = size.excess(MOST_PROPERTIES, MOST_DEPTH)
    if refused:
        yield Problem(place, f"no provider takes a schema this large: {refused}", "Ask for less, or split the task.")
        return
    excess = size.excess(COMMON_PROPERTIES, COMMON_DEPTH)
    if excess:
        yield Problem(place, f"some providers refuse a schema this large: {excess}", severity="warning")
