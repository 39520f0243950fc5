"""Names: every id once, and nothing named that does not exist."""

from collections import Counter
from collections.abc import Iterator

from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.deployment_name import WRITTEN, deployment_name, forbidden
from agentic_prefect.plans.problems import Problem
from agentic_prefect.plans.schemas import BUILT_IN
from agentic_prefect.plans.validation.subject import Subject, unknown_connection, unknown_name


def identity_problems(subject: Subject) -> Iterator[Problem]:
    """Duplicate ids, and unknown tasks, agents, kinds, capabilities, prompts, schemas and connections."""
    for task_id, count in Counter(task.id for task in subject.plan.tasks).items():
        if count > 1:
            yield Problem(f"task {task_id}", f"{count} tasks have the id {task_id!r}", "Give each an id of its own.")
    for name, agent in subject.plan.agents.items():
        for capability in agent.capabilities:
            if subject.known.capabilities is not None and capability not in subject.known.capabilities:
                place = f"agent {name}: capabilities"
                yield unknown_name(place, "capability", capability, subject.known.capabilities)
        if agent.model is not None:
            yield from unknown_connection(subject, f"agent {name}: model", agent.model)
    for written, task in subject.both():
        yield from _order(subject, written, task)
        yield from _parts(subject, written, task)
        if task.model is not None:
            yield from unknown_connection(subject, subject.place(written, "model"), task.model)
        for key, rule in (task.failure_policy or {}).items():
            for model in rule.model or ():
                yield from unknown_connection(subject, f"{subject.place(written, 'failure_policy')}.{key}.model", model)


def _deployment(subject: Subject, place: str, written: str) -> Iterator[Problem]:
    known, name = subject.known, deployment_name(written)
    if known.allowed_deployments is not None and (why := forbidden(written, known.allowed_deployments)):
        yield Problem(place, why)
    elif known.deployments is not None and name not in known.deployments:
        way_out = "Make it with `agentic-prefect deploy PLAN` or `prefect deploy`."
        yield unknown_name(place, "deployment", name, known.deployments, way_out)


def _order(subject: Subject, written: AgentTask, task: AgentTask) -> Iterator[Problem]:
    for field in ("depends_on", "after"):
        for name in getattr(task, field):
            place = subject.place(written, field)
            if name == task.id:
                yield Problem(place, f"task {name!r} waits for itself", f"Take it out of `{field}`.")
            elif name not in subject.tasks:
                yield unknown_name(place, "task", name, subject.tasks)


def _parts(subject: Subject, written: AgentTask, task: AgentTask) -> Iterator[Problem]:
    known, place = subject.known, subject.place
    agents = {*subject.plan.agents, *known.agents}
    if task.agent is not None and task.agent not in agents:
        way_out = "Describe it under `agents`."
        yield unknown_name(place(written, "agent"), "agent", task.agent, agents, way_out)
    if known.kinds is not None and task.kind not in known.kinds:
        yield unknown_name(place(written, "kind"), "kind of task", task.kind, known.kinds)
    if task.kind == "deployment" and task.call and WRITTEN.fullmatch(task.call):
        yield from _deployment(subject, place(written, "call"), task.call)
    if task.use is not None and known.capabilities is not None and task.use not in known.capabilities:
        yield unknown_name(place(written, "use"), "capability", task.use, known.capabilities)
    if task.prompt is not None and known.prompts is not None:
        template = task.prompt.partition("@")[0]
        if template not in known.prompts:
            yield unknown_name(place(written, "prompt"), "prompt", template, known.prompts)
    if isinstance(task.output, str) and task.output != "text":
        schemas = set(BUILT_IN if known.schemas is None else known.schemas)
        if task.output not in schemas and known.schemas is not None:
            way_out = "Or write the JSON Schema here."
            yield unknown_name(place(written, "output"), "output schema", task.output, schemas, way_out)
