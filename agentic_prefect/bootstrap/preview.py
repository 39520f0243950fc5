"""What can be said about a plan without running it: its problems, its model, its prompts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from agentic_prefect.bootstrap.assembly import Assembly
from agentic_prefect.bootstrap.functions import unusable
from agentic_prefect.bootstrap.named import import_problems, with_named_plans
from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.errors import AgenticError, PlanInvalid
from agentic_prefect.llm.rehearsal import parse_fault
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.models.schema_echo import EchoImpossible, echo
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.agents import undescribed_agents, with_agents
from agentic_prefect.plans.expressions import Scope, TaskView, evaluate
from agentic_prefect.plans.inputs import validate_inputs
from agentic_prefect.plans.lineage import Lineage
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.problems import Problem, errors_in
from agentic_prefect.plans.progress import Blueprint, StartNode
from agentic_prefect.plans.validate import Known, validate_plan
from agentic_prefect.plans.validation.kinds import sub_plans
from agentic_prefect.plans.validation.subject import Subject, unknown_name
from agentic_prefect.plugins.kinds import installed_kinds
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.runtime.deployments import known_deployments, require_server
from agentic_prefect.runtime.work import Place, job_for

KINDS = frozenset({"agent", "deployment", "function", "human", "plan"})
"""The kinds of tasks that come with the package."""


def known(plan: Plan, options: RunOptions | None = None) -> Known:
    """The names that a plan may use here."""
    assembly = Assembly(options)
    return Known(
        kinds=KINDS | frozenset(installed_kinds()),
        capabilities=frozenset(),
        checks=frozenset(assembly.verifiers),
        schemas=frozenset(assembly.schemas.list()),
        prompts=frozenset(template.id for template in assembly.prompts),
        connections=None if assembly.options.rehearse else assembly.models.names(plan),
        deployments=None if assembly.options.rehearse else known_deployments(_deployments_of(plan)),
        allowed_deployments=assembly.settings.allowed_deployments,
        allowed_keys=assembly.settings.allowed_keys,
        allowed_packages=assembly.settings.allowed_packages,
    )


def _deployments_of(plan: Plan) -> frozenset[str]:
    """The names of the deployments that a plan runs, those of the sub-plans that are written out included."""
    subject = Subject(plan, Known())
    own = {task.call for task in subject.effective.tasks if task.kind == "deployment" and task.call}
    return frozenset(own.union(*(_deployments_of(inner) for _, inner in sub_plans(subject))))


def check(plan: Plan, options: RunOptions | None = None, *, importing: bool = False) -> tuple[Problem, ...]:
    """Everything that is wrong with a plan, or doubtful, at once, sub-plans that it names included.

    Args:
        plan: The plan.
        options: What the run sets.
        importing: Import what the run will import, and tell functions and models that are not there; a plan with other
            errors imports nothing.

    Raises:
        ConnectionLost: A sub-plan would be on a server that does not answer.
    """
    return _check(plan, options or RunOptions(), importing=importing, offline=False)


def check_offline(plan: Plan, options: RunOptions | None = None) -> tuple[Problem, ...]:
    """As `check`, without what only a Prefect server knows: agents, connections and deployments of any name may be."""
    supposed = with_agents(plan, dict.fromkeys(undescribed_agents(plan), AgentSpec()))
    return _check(supposed, replace(options or RunOptions(), rehearse=True), importing=False, offline=True)


def _check(plan: Plan, options: RunOptions, *, importing: bool, offline: bool) -> tuple[Problem, ...]:
    assembly = Assembly(options)
    whole, missing = with_named_plans(plan, assembly.find_plan, offline=offline)
    found = (*validate_plan(whole, known=known(whole, options), run=options.policy), *missing)
    found = (*found, *unusable(whole, assembly.functions), *_aimless(options.faults, whole))
    if importing and not errors_in(found):
        allowed = assembly.settings.allowed_packages
        found = (*found, *import_problems(whole, allowed, functions=assembly.functions is None))
    return found


def _aimless(faults: Sequence[str], plan: Plan) -> Iterator[Problem]:
    """Faults to rehearse that would hit nothing."""
    ids = sorted(_task_ids(plan)) if faults else []
    for fault in faults:
        name = parse_fault(fault).task.partition("[")[0]
        if name not in ids:
            yield unknown_name(f"fault {fault}", "task", name, ids)


def _task_ids(plan: Plan) -> frozenset[str]:
    """The ids of a plan's tasks, those of the sub-plans that are written out included."""
    inner = (_task_ids(each) for _, each in sub_plans(Subject(plan, Known())))
    return frozenset(task.id for task in plan.tasks).union(*inner)


def require_places(plan: Plan, options: RunOptions | None = None) -> None:
    """Make sure that there can be the deployments that a plan runs.

    Raises:
        PlanInvalid: No server is set that could have them.
    """
    for name in sorted(_deployments_of(plan)) if not (options or RunOptions()).rehearse else ():
        require_server(name)


def default_model_name(plan: Plan, options: RunOptions | None = None) -> str | None:
    """The model that answers a plan's tasks, as `connection/model-id`; `None` when no task asks a model.

    Raises:
        AuthenticationFailed: A connection that some task names needs a key and has none.
        PlanInvalid: There is no connection; the message names the ways out.
    """
    assembly = Assembly(options)
    effective = effective_plan(plan, run=assembly.options.policy, settings=assembly.settings.policy())
    names = dict.fromkeys(task.model for task in effective.tasks if task.kind == "agent")
    directory, _ = assembly.models.directory(plan)
    found = [directory.resolve(name) for name in names]
    return f"{found[0].connection}/{found[0].model}" if found else None


def prompt_of(
    plan: Plan, task_id: str, inputs: Mapping[str, Any] | None = None, options: RunOptions | None = None
) -> RenderedPrompt:
    """The prompt of a task before anything runs; what other tasks would put out is made up from their schemas.

    Raises:
        PlanInvalid: The plan has no such task, it asks no model, or the inputs do not fit.
    """
    assembly = Assembly(options)
    effective = effective_plan(plan, run=assembly.options.policy, settings=assembly.settings.policy())
    blueprint = Blueprint.of(effective, validate_inputs(plan, inputs or {}))
    task = blueprint.tasks.get(task_id)
    if task is None:
        hint = did_you_mean(task_id, list(blueprint.tasks))
        raise PlanInvalid(
            f"Plan {plan.name!r} has no task {task_id!r}. {hint} Tasks: {listing(list(blueprint.tasks))}."
        )
    if task.kind != "agent":
        raise PlanInvalid(f"Task {task_id!r} is of kind {task.kind!r}; only a task of kind 'agent' has a prompt.")
    views = {each.id: _made_up(each, assembly) for each in effective.tasks}
    scope = Scope(blueprint.inputs, views)
    if task.for_each is not None:
        scope = Scope(blueprint.inputs, views, item=_first_item(task, scope), index=0)
    node = StartNode(task_id, task_id, None, scope, ())
    place = Place("", Lineage(""), None, lambda _: None)
    kind = assembly.agent_kind(plan)
    job = job_for(node, blueprint, assembly.services, {"agent": kind}, place)
    if job.fault is not None:
        raise job.fault
    return kind.prompt_for(job.work)


def _made_up(task: AgentTask, assembly: Assembly) -> TaskView:
    """What a task that has not run would look like to others."""
    schema = assembly.output_of(task)
    try:
        output: Any = echo(schema.json_schema) if schema else f"(what {task.id} will put out)"
    except EchoImpossible:
        output = f"(what {task.id} will put out)"
    if task.for_each is not None:
        return TaskView([output], [output], "completed", None, 1, 0, 0)
    return TaskView(output, [output], "completed", None, True, False, False)


def _first_item(task: AgentTask, scope: Scope) -> Any:
    try:
        items = evaluate(task.for_each, scope)
    except AgenticError:
        return "(an item)"
    return cast("list[Any]", items)[0] if isinstance(items, list | tuple) and items else "(an item)"
