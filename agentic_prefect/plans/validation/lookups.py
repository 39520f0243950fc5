"""Expressions: that they can be read, and that what they look at will be there."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from agentic_prefect.models.error import TaskError
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.edges import NEEDING_FIELDS
from agentic_prefect.plans.expressions import (
    PreviousRun,
    References,
    TaskView,
    is_expression,
    plain_path,
    problems_in,
    references,
)
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.problems import Problem
from agentic_prefect.plans.schema_check import JsonSchema, schema_fault
from agentic_prefect.plans.schema_paths import item_schema, path_fault
from agentic_prefect.plans.schemas import model_reference
from agentic_prefect.plans.validation.subject import Subject, unknown_name

EXPRESSION_FIELDS = (*NEEDING_FIELDS, "when")
VIEW_FIELDS = tuple(field.name for field in fields(TaskView))
PREVIOUS_FIELDS = tuple(field.name for field in fields(PreviousRun))
TEXT: JsonSchema = {"type": "string"}
"""The schema of an output without one."""
MAX_TEXT_CHARS = 120


def lookup_problems(subject: Subject) -> Iterator[Problem]:
    """Faults in expressions, and references to tasks, inputs and fields that do not exist."""
    for written, task in subject.both():
        for field in EXPRESSION_FIELDS:
            value = getattr(task, field)
            if not value:
                continue
            place = subject.place(written, field)
            yield from _faults(place, value)
            yield from _references(subject, place, references(value), task, field)
        yield from _typed(subject, written, task)
    yield from _faults("result", subject.plan.result)
    yield from _references(subject, "result", references(subject.plan.result), None, "result")


def _faults(place: str, value: Any) -> Iterator[Problem]:
    for problem in problems_in(value):
        where = f"{place}.{problem.where}" if problem.where else place
        position = (
            f" (line {problem.line}, column {problem.column})" if (problem.line, problem.column) != (1, 1) else ""
        )
        yield Problem(where, f"in {_shown(problem.text)}{position}: {problem.message}")


def _typed(subject: Subject, written: AgentTask, task: AgentTask) -> Iterator[Problem]:
    """`when` and `for_each` are one expression: text would always be true, and is no list."""
    for field, wanted in (("when", "{{ tasks.some_id.succeeded }}"), ("for_each", "{{ tasks.some_id.output }}")):
        value = getattr(task, field)
        if isinstance(value, str) and not is_expression(value) and not problems_in(value):
            message = f"{_shown(value)} is text, not one expression"
            yield Problem(subject.place(written, field), message, f"Write it like `{wanted}`, with nothing around it.")
    path = plain_path(task.for_each)
    if path is not None and path[0] == "tasks" and len(path) > 1 and path[1] in subject.tasks:
        fault = _path_fault(subject, subject.tasks[path[1]], (*path[2:], "0"))
        if fault and not _path_fault(subject, subject.tasks[path[1]], path[2:]):
            message = f"{_shown(str(task.for_each))} is no list"
            yield Problem(subject.place(written, "for_each"), message, "A fan-out needs a list to spread over.")


def _references(
    subject: Subject, place: str, found: References, task: AgentTask | None, field: str
) -> Iterator[Problem]:
    for task_id, paths in found.tasks.items():
        if task is not None and task_id == task.id:
            yield Problem(place, f"task {task_id!r} refers to itself", "It has no output before it has run.")
        elif task_id not in subject.tasks:
            yield unknown_name(place, "task", task_id, subject.tasks)
        else:
            for path in sorted(paths):
                fault = _path_fault(subject, subject.tasks[task_id], path)
                if fault:
                    yield Problem(place, f"`{'.'.join(('tasks', task_id, *path))}` will not be there: {fault}")
    for path in sorted(found.inputs):
        if path and path[0] not in subject.plan.inputs:
            yield unknown_name(place, "input", path[0], subject.plan.inputs, "Declare it under `inputs`.")
        elif path:
            schema = subject.plan.inputs[path[0]]
            fault = "" if schema_fault(schema) else path_fault(schema, path[1:])
            if fault:
                yield Problem(place, f"`{'.'.join(('inputs', *path))}` will not be there: {fault}")
    for path in sorted(found.previous):
        if path and path[0] not in PREVIOUS_FIELDS:
            message = f"`{'.'.join(('previous', *path))}` will not be there"
            hint = f"Of the previous run there is {listing(PREVIOUS_FIELDS)}. {did_you_mean(path[0], PREVIOUS_FIELDS)}"
            yield Problem(place, message, hint.strip())
    if task is None or task.for_each is None or field in ("when", "for_each"):
        for name in ("item", "index") if found.item or found.index else ():
            if getattr(found, name):
                yield Problem(place, f"`{name}` has no meaning here", _item_hint(task, field))
    else:
        yield from _items(subject, place, found, task)


def _items(subject: Subject, place: str, found: References, task: AgentTask) -> Iterator[Problem]:
    schema = _schema_of_items(subject, task)
    for path in sorted(found.item_paths) if schema is not None else ():
        fault = path_fault(schema or {}, path)
        if fault:
            yield Problem(place, f"`{'.'.join(('item', *path))}` will not be there: {fault}")


def _item_hint(task: AgentTask | None, field: str) -> str:
    if task is not None and task.for_each is not None:
        return f"`{field}` is looked at once, before there are items."
    return "It is there in a task with `for_each` only."


def _schema_of_items(subject: Subject, task: AgentTask) -> JsonSchema | None:
    """The schema of what a task is spread over, where that is a plain path to something with a schema."""
    match plain_path(task.for_each):
        case ("inputs", name, *rest) if name in subject.plan.inputs:
            schema = subject.plan.inputs[name]
            return None if schema_fault(schema) else item_schema(schema, tuple(rest))
        case ("tasks", task_id, "output" | "outputs" as head, *rest) if task_id in subject.tasks:
            producer = subject.tasks[task_id]
            schema = _output_schema(subject, producer)
            if schema is None:
                return None
            if head == "outputs" or producer.for_each is not None:
                return item_schema(schema, tuple(rest[1:])) if rest else schema
            return item_schema(schema, tuple(rest))
        case _:
            return None


def _path_fault(subject: Subject, producer: AgentTask, path: tuple[str, ...]) -> str:
    """What is wrong with looking at `tasks.<producer>.<path>`; empty when it may be there."""
    if not path:
        return ""
    head, rest = path[0], path[1:]
    if head not in VIEW_FIELDS:
        return _no_view_field(subject, producer, head)
    if not rest:
        return ""
    if head == "error":
        known = list(TaskError.model_fields)
        return (
            ""
            if rest[0] in known
            else f"an error has {listing(known, most=20)}. {did_you_mean(rest[0], known)}".strip()
        )
    if head not in ("output", "outputs"):
        return f"{head!r} is a single value"
    schema = _output_schema(subject, producer)
    if schema is None:
        return ""
    if head == "outputs" or producer.for_each is not None:
        if not rest[0].lstrip("-").isdecimal():
            return f"it is a list, one output per item. Take one item (`[0]`) or `| map(attribute={rest[0]!r})`."
        rest = rest[1:]
    if schema is TEXT:
        return f"its output is text. Declare `output` for task {producer.id!r}." if rest else ""
    return path_fault(schema, rest)


def _no_view_field(subject: Subject, producer: AgentTask, name: str) -> str:
    schema = _output_schema(subject, producer)
    if schema is not None and name in schema.get("properties", {}):
        return f"it is a field of the output. Did you mean `tasks.{producer.id}.output.{name}`?"
    return f"of a task there is {listing(VIEW_FIELDS)}. {did_you_mean(name, VIEW_FIELDS)}".strip()


def _output_schema(subject: Subject, producer: AgentTask) -> JsonSchema | None:
    """The schema of one output of a task; `None` when it is not known."""
    output = producer.output
    if output is None:
        return TEXT if producer.kind == "agent" else None
    if isinstance(output, str):
        return TEXT if output == "text" else subject.schemas.get(output)
    reference = model_reference(output)
    if reference is not None:
        return (subject.known.models or {}).get(reference)
    return None if schema_fault(output) else output


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return f"`{text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + '…'}`"
