"""From a node of the plan to a job: expressions evaluated, schema and kind looked up, key worked out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.interventions.desk import Desk
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.error import TaskError
from agentic_prefect.models.events import Event
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.prompt import ContextItem, ContextRules, ContextText
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.suspension import Suspension
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.expressions import Scope, evaluate, references
from agentic_prefect.plans.expressions.values import as_text
from agentic_prefect.plans.lineage import Lineage
from agentic_prefect.plans.progress import Blueprint, StartNode
from agentic_prefect.plans.schema_check import violations
from agentic_prefect.policies.failure import repairs_for, timeout_for
from agentic_prefect.ports import TaskKind, Work
from agentic_prefect.runtime.caching import content_key
from agentic_prefect.runtime.job import Job
from agentic_prefect.runtime.paid_calls import StoredCalls
from agentic_prefect.runtime.services import Services


@dataclass(frozen=True, slots=True)
class Place:
    """The run that a job belongs to."""

    run_id: str
    lineage: Lineage
    """Whose finished work this run may take over."""
    parent_run_id: str | None
    notify: Callable[[Event], None]
    desk: Desk | None = None
    """Where people are asked; `None` where nobody can be."""
    is_new: bool = False
    """Whether nothing can have been done of it before: it goes on from no run, and was never started before."""
    before: Suspension = field(default_factory=Suspension)
    """What this run did before it was suspended."""


def job_for(
    start: StartNode, blueprint: Blueprint, services: Services, kinds: Mapping[str, TaskKind], place: Place
) -> Job:
    """The job of a node. What cannot be evaluated or found is kept as its fault, so that it fails in the open."""
    task = blueprint.tasks[start.task_id]
    work = Work(
        task=task,
        task_id=start.name,
        agent=blueprint.plan.agents.get(task.agent or "", AgentSpec(name=task.agent or "")),
        description=task.description,
        timeout_s=timeout_for(task, ()),
        repairs=repairs_for(task),
        plan=blueprint.plan.name,
        run_id=place.run_id,
        lineage=place.lineage.root,
        comment=start.comment,
        failed_before=_failures(start.before),
    )
    fault: Exception | None = PlanInvalid(start.fault) if start.fault else None
    key: str | None = None
    kind = kinds.get(task.kind, _Unavailable())
    try:
        if task.kind not in kinds:
            raise PlanInvalid(f"Task {task.id!r} has the kind {task.kind!r}. Known kinds: {', '.join(sorted(kinds))}.")
        work = _rendered(work, task, start.scope, services)
        work = replace(work, input=start.edited[0]) if start.edited else work
        prepared: Callable[[Work], Work] = getattr(kind, "prepared", _as_it_is)
        work = prepared(work)
        fingerprint: Callable[[Work], str] = getattr(kind, "fingerprint", _no_fingerprint)
        key = content_key(
            work,
            lineage=place.lineage.of(start.name),
            fingerprint=fingerprint(work),
            connection=_connection_of(task, blueprint.plan),
        )
    except Exception as error:  # noqa: BLE001  # whatever keeps the work from being made is what the task fails of
        fault = fault or error
    is_new = place.is_new and start.before is None
    return Job(
        work=work,
        kind=kind,
        clock=services.clock,
        draw=services.draw,
        notify=place.notify,
        key=key,
        is_new=is_new,
        paid=StoredCalls(key, look=not is_new),
        fault=fault,
        parent_run_id=place.parent_run_id,
        desk=place.desk,
        disclosure=services.disclosure,
        **_carried_on(start.before),
    )


def _failures(before: TaskResult | None) -> tuple[TaskError, ...]:
    """What each attempt ended with before a person sent the task back, oldest first."""
    error = before.error if before is not None else None
    return () if error is None else error.history or (error,)


def _carried_on(before: TaskResult | None) -> dict[str, Any]:
    """What a job takes over from the one before it, which a person sent back."""
    if before is None:
        return {}
    status = TaskStatus.RETRYING if before.status is TaskStatus.FAILED else TaskStatus.PENDING
    return {"usage": before.usage, "tried": before.attempts, "started_at": before.started_at, "status": status}


def _rendered(work: Work, task: AgentTask, scope: Scope, services: Services) -> Work:
    given, input_schema = evaluate(task.input, scope), _input_schema(task, services)
    problems = violations(input_schema, given) if input_schema is not None else ()
    if problems:
        raise PlanInvalid(f"The input of task {work.task_id!r} does not fit its `input_schema`: {'; '.join(problems)}.")
    return replace(
        work,
        task=task.model_copy(update={"special_instructions": _text(task.special_instructions, scope)}),
        description=_text(task.description, scope),
        input=given,
        input_schema=input_schema,
        context=tuple(_context_item(written, task.context_rules or ContextRules(), scope) for written in task.context),
        output=services.output_of(task),
    )


def _input_schema(task: AgentTask, services: Services) -> dict[str, Any] | None:
    if task.input_schema is None:
        return None
    schema = services.output_of(task.model_copy(update={"output": task.input_schema}))
    return schema.json_schema if schema else None


def _connection_of(task: AgentTask, plan: Plan) -> Connection | None:
    """The connection of the plan's own that a task's model names."""
    return plan.models.get((task.model or "").partition("/")[0])


def _text(value: str, scope: Scope) -> str:
    return as_text(evaluate(value, scope))


def _context_item(written: str | dict[str, Any], rules: ContextRules, scope: Scope) -> ContextItem:
    """What other tasks wrote is marked as such: it is shown to a model as data."""
    said = ContextText(text=written) if isinstance(written, str) else ContextText.model_validate(written)
    tasks = sorted(references([said.text, said.source]).tasks)
    return ContextItem(
        text=_text(said.text, scope),
        source=_text(said.source, scope) or (f"task {', '.join(tasks)}" if tasks else ""),
        trusted=not tasks if said.trusted is None else said.trusted,
        priority=said.priority,
        max_tokens=said.max_tokens or rules.item_tokens,
        shorten=said.shorten or rules.shorten,
    )


def _as_it_is(work: Work) -> Work:
    return work


def _no_fingerprint(_: Work) -> str:
    return ""


class _Unavailable:
    """Stands in for a kind that is not there; the job's fault is raised before it is asked."""

    async def execute(self, work: Work) -> object:
        raise PlanInvalid(f"There is no kind of task called {work.task.kind!r}.")
