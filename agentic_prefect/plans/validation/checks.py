"""Checks: verifiers that exist, expressions that can be read, schemas that are some, models that can be asked."""

from collections.abc import Iterator

from agentic_prefect.models.check import (
    SEEN,
    AnyCheck,
    CriticsCheck,
    ExpressionCheck,
    FunctionCheck,
    JudgeCheck,
    NamedCheck,
    SchemaCheck,
)
from agentic_prefect.plans.expressions.reading import parse
from agentic_prefect.plans.problems import Problem
from agentic_prefect.plans.references import REFERENCE
from agentic_prefect.plans.schema_check import schema_fault
from agentic_prefect.plans.validation.subject import Subject, forbidden_reference, unknown_connection, unknown_name


def check_problems(subject: Subject) -> Iterator[Problem]:
    """What is wrong with the checks of tasks."""
    for written, task in subject.both():
        place = subject.place(written, "checks")
        for check in task.checks:
            yield from _problems(subject, place, check)
            if isinstance(check, SchemaCheck) and check.json_schema is None and task.output in (None, "text"):
                message = "`schema` has nothing to go by: the task asks for no form"
                yield Problem(place, message, "Write the schema here: `{schema: {type: object}}`.")


def _problems(subject: Subject, place: str, check: AnyCheck) -> Iterator[Problem]:
    match check:
        case NamedCheck(verifier=name):
            if subject.known.checks is not None and name not in subject.known.checks:
                way_out = "Built in are schema, expression, judge, critics and function."
                yield unknown_name(place, "check", name, subject.known.checks, way_out)
        case ExpressionCheck(expression=text):
            yield from _expression(place, text)
        case SchemaCheck(json_schema=schema):
            fault = schema_fault(schema) if schema is not None else ""
            if fault:
                yield Problem(place, f"it is no valid JSON Schema: {fault}")
        case JudgeCheck(model=model) | CriticsCheck(model=model):
            if model is not None:
                yield from unknown_connection(subject, place, model)
        case FunctionCheck(call=call):
            if not REFERENCE.match(call):
                yield Problem(place, f"{call!r} names no function", "Write `function: package.module:name`.")
            else:
                yield from forbidden_reference(subject, place, call)


def _expression(place: str, text: str) -> Iterator[Problem]:
    found = parse(text, SEEN)
    for problem in found.problems:
        yield Problem(place, f"`{problem.text}`: {problem.message}")
    if found.problems:
        return
    if not found.is_expression:
        yield Problem(place, f"{text!r} is no expression", 'Write, for example, `"{{ output.total > 0 }}"`.')
    elif found.references.tasks or found.references.inputs or found.references.item_paths or found.references.index:
        yield Problem(place, "the expression of a check looks at `output` and `input` alone", "Put it into `input`.")
