"""What each kind of task must say."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from agentic_prefect.models.asking import Asking
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.deployment_name import WRITTEN
from agentic_prefect.plans.load import load_plan
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.problems import PlanProblems, Problem
from agentic_prefect.plans.references import REFERENCE
from agentic_prefect.plans.validation.subject import Subject, forbidden_reference

REQUIRED: Mapping[str, str] = {
    "agent": "description",
    "capability": "use",
    "deployment": "call",
    "function": "call",
    "human": "description",
    "plan": "plan",
}
"""Kind -> the field without which it means nothing."""
OWN_FIELDS: Mapping[str, tuple[str, ...]] = {
    "call": ("function", "deployment"),
    "use": ("capability",),
    "plan": ("plan",),
    "ask": ("human",),
}
"""Field -> the only kinds that read it."""


def kind_problems(subject: Subject) -> Iterator[Problem]:
    """Missing and misplaced fields of a kind, and what is wrong within a sub-plan that is written out."""
    for written, task in subject.both():
        required = REQUIRED.get(task.kind)
        if required is not None and not str(getattr(task, required) or "").strip():
            message = f"a task of kind {task.kind!r} needs `{required}`"
            yield Problem(f"task {task.id}", message, _wanted(task.kind, required))
        for field, kinds in OWN_FIELDS.items():
            if getattr(task, field) is not None and task.kind not in kinds and task.kind in REQUIRED:
                meant = "deployment" if field == "call" and not REFERENCE.match(task.call or "") else kinds[0]
                hint = f"Set `kind: {meant}`, or take `{field}` out."
                who = " and ".join(map(repr, kinds))
                message = f"only {f'kind {who} reads' if len(kinds) == 1 else f'kinds {who} read'} `{field}`"
                yield Problem(subject.place(written, field), f"{message}, this task is of kind {task.kind!r}", hint)
        if task.call is not None and (task.kind not in REQUIRED or task.kind in OWN_FIELDS["call"]):
            yield from _call(subject, task, subject.place(written, "call"))
        if task.kind == "plan" and isinstance(task.plan, dict):
            yield from _sub_plan(task, task.plan)
        if task.kind == "human" and task.ask is not None:
            yield from _human(task, task.ask)


def _call(subject: Subject, task: AgentTask, place: str) -> Iterator[Problem]:
    call = task.call or ""
    if task.kind == "deployment":
        if call.strip() and not WRITTEN.fullmatch(call):
            yield Problem(place, f"{call!r} is no name of a deployment", _wanted("deployment", "call"))
    elif not REFERENCE.match(call):
        yield Problem(place, f"{call!r} is no reference to a function", _wanted(task.kind, "call"))
    elif task.kind == "function":
        yield from forbidden_reference(subject, place, call)


def _human(task: AgentTask, ask: Asking) -> Iterator[Problem]:
    fitting = ("reject", "fail", "abort", "approve" if task.output is None else "supply_output")
    if ask.default not in fitting:
        message = f"`default: {ask.default}` answers nothing here"
        yield Problem(f"task {task.id}: ask", message, f"Take {listing(fitting)}.")


def sub_plans(subject: Subject) -> Iterator[tuple[str, Plan]]:
    """The sub-plans that are written out and can be read, with the ids of their tasks."""
    for task in subject.effective.tasks:
        if task.kind == "plan" and isinstance(task.plan, dict):
            try:
                yield task.id, load_plan(task.plan)
            except PlanProblems:
                continue


def _sub_plan(task: AgentTask, data: dict[str, Any]) -> Iterator[Problem]:
    place = f"task {task.id}: plan"
    try:
        plan = load_plan(data)
    except PlanProblems as error:
        for problem in error.problems:
            yield nested(place, problem)
        return
    given: Any = {} if task.input is None else task.input
    if isinstance(given, dict):
        for name, schema in plan.inputs.items():
            if "default" not in schema and name not in given:
                message = f"the plan {plan.name!r} needs the input {name!r}"
                yield Problem(f"task {task.id}: input", message, f"Give it: `input: {{{name}: …}}`.")
        for name in cast("dict[str, Any]", given):
            if name not in plan.inputs:
                hint = did_you_mean(name, plan.inputs) or f"It has: {listing(plan.inputs)}."
                yield Problem(f"task {task.id}: input", f"the plan {plan.name!r} has no input {name!r}", hint)


def nested(place: str, problem: Problem) -> Problem:
    """A problem of a sub-plan as one of the plan it stands in."""
    path = f"{place}: {problem.path}" if problem.path else place
    return Problem(path, problem.message, problem.hint, problem.severity)


def _wanted(kind: str, field: str) -> str:
    if kind == "deployment" and field == "call":
        return "Write `call: flow/deployment`, or the name alone of one that `agentic-prefect deploy` made."
    return _WANTED[field]


_WANTED: Mapping[str, str] = {
    "call": "Write `call: package.module:name`.",
    "description": "Say in `description` what is to be done.",
    "plan": "Name a stored plan, a path relative to this file, or write the plan out.",
    "use": "Name a capability.",
}
