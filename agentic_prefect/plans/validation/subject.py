"""What the rules look at."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.edges import Edges, all_edges
from agentic_prefect.plans.names import did_you_mean, listing
from agentic_prefect.plans.problems import Problem
from agentic_prefect.plans.references import refusal
from agentic_prefect.plans.schema_check import JsonSchema
from agentic_prefect.plans.schemas import BUILT_IN
from agentic_prefect.policies.effective import POLICY_FIELDS, effective_plan

_NOTHING_SET = PolicyFields()


@dataclass(frozen=True, slots=True)
class Known:
    """What exists outside the plan. `None` means that it is not known, so that nothing is said against any name."""

    kinds: Collection[str] | None = None
    capabilities: Collection[str] | None = None
    checks: Collection[str] | None = None
    schemas: Collection[str] | Mapping[str, JsonSchema] | None = None
    """With a mapping, references to fields of their outputs are checked, too."""
    models: Mapping[str, JsonSchema] | None = None
    """Schema by reference (`package.module:Model`) of those models that were imported."""
    prompts: Collection[str] | None = None
    connections: Collection[str] | None = None
    """Names of connections; the plan's own need not be among them."""
    deployments: Collection[str] | None = None
    """As `FLOW/DEPLOYMENT`."""
    allowed_deployments: Collection[str] | None = None
    """As `FLOW/DEPLOYMENT`, in which `*` stands for any text."""
    allowed_keys: Collection[str] | None = None
    """As `VARIABLE@HOST`, in which `*` stands for any text."""
    allowed_packages: Collection[str] | None = None
    """Packages whose functions and models may be named."""
    agents: Collection[str] = ()
    """Agents that the plan may use without listing them."""
    humans: bool = True
    """Whether anybody can be asked."""


@dataclass(frozen=True)
class Subject:
    """A plan under examination."""

    plan: Plan
    """As it was written."""
    known: Known
    run: PolicyFields = _NOTHING_SET
    """What the run that is about to start sets."""

    @cached_property
    def effective(self) -> Plan:
        """With the fields that hold for each task."""
        return effective_plan(self.plan, run=self.run)

    @cached_property
    def tasks(self) -> Mapping[str, AgentTask]:
        """The effective tasks by id; of two with the same id the first."""
        tasks: dict[str, AgentTask] = {}
        for task in self.effective.tasks:
            tasks.setdefault(task.id, task)
        return tasks

    @property
    def distinct(self) -> Plan:
        """The effective plan without tasks whose id another has before them."""
        return self.effective.model_copy(update={"tasks": tuple(self.tasks.values())})

    @cached_property
    def schemas(self) -> Mapping[str, JsonSchema]:
        """Output schemas by name, as far as their content is known."""
        known = self.known.schemas
        return cast("Mapping[str, JsonSchema]", known) if isinstance(known, Mapping) else BUILT_IN

    @property
    def edges(self) -> Mapping[str, Edges]:
        """What each task waits for."""
        return self._graph[0]

    @property
    def owners(self) -> Mapping[str, tuple[str, ...]]:
        """Fallback id -> the tasks it stands in for."""
        return self._graph[1]

    @cached_property
    def _graph(self) -> tuple[Mapping[str, Edges], Mapping[str, tuple[str, ...]]]:
        return all_edges(self.distinct)

    def both(self) -> Iterator[tuple[AgentTask, AgentTask]]:
        """Every task as it was written, and with its effective fields."""
        return zip(self.plan.tasks, self.effective.tasks, strict=True)

    def place(self, written: AgentTask, field: str) -> str:
        """Where the value of a task's field was written: at the task, its agent or the defaults."""
        if field not in written.model_fields_set:
            agent = self.plan.agents.get(written.agent or self.plan.defaults.agent or "")
            if agent is not None and field in POLICY_FIELDS and field in agent.model_fields_set:
                return f"agent {agent.name}: {field}"
            if field in self.plan.defaults.model_fields_set:
                return f"defaults.{field}"
            if field in POLICY_FIELDS and getattr(self.run, field) is not None:
                return f"run option {field}"
        return f"task {written.id}: {field}"


def unknown_name(place: str, what: str, name: str, known: Collection[str], way_out: str = "") -> Problem:
    """The problem that something is named which does not exist."""
    hint = did_you_mean(name, known) or f"Known: {listing(known, most=20)}."
    return Problem(place, f"there is no {what} {name!r}", f"{hint} {way_out}".strip())


def forbidden_reference(subject: Subject, place: str, reference: str) -> Iterator[Problem]:
    """The problem that a function or model is named that a plan may not name, if so."""
    allowed = subject.known.allowed_packages
    if allowed is not None and (why := refusal(reference, allowed)):
        yield Problem(place, why)


def unknown_connection(subject: Subject, place: str, model: str) -> Iterator[Problem]:
    """The problem that a model is named whose connection does not exist, if it is one."""
    if subject.known.connections is None or "/" not in model:
        return
    name = model.partition("/")[0]
    connections = {*subject.known.connections, *subject.plan.models}
    if name not in connections:
        problem = unknown_name(place, "connection", name, connections)
        hint = f"{problem.hint} A model is named `connection/model-id`; describe connections under `models`."
        yield Problem(place, f"{problem.message} (in {model!r})", hint)
