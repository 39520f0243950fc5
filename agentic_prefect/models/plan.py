"""A graph of tasks."""

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import Field, model_validator

from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.base import Frozen
from agentic_prefect.models.budget import Budget
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.task import AgentTask, TaskFields

PLAN_NAME = r"^[a-z0-9][a-z0-9_-]{0,99}$"
SCHEMA_VERSION = 1
"""Raised when a stored plan would be read differently."""


class Plan(Frozen):
    """A graph of tasks with the agents, limits and defaults they share."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str = Field(pattern=PLAN_NAME)
    description: str = ""
    inputs: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """JSON Schema by input name; an input without a `default` must be given."""
    defaults: TaskFields = TaskFields()
    """Any task field; a task's or its agent's own value wins."""
    budget: Budget | None = None
    max_concurrency: int = Field(default=10, ge=1, le=1000)
    """At most this many tasks run at once."""
    agents: dict[str, AgentSpec] = Field(default_factory=dict)
    models: dict[str, Connection] = Field(default_factory=dict)
    """Connections that this plan brings along."""
    tasks: tuple[AgentTask, ...] = Field(min_length=1)
    result: Any = None
    """Expressions that make the plan's output; `None` gives the outputs of the tasks that nothing depends on."""

    @model_validator(mode="before")
    @classmethod
    def _name_agents(cls, data: Any) -> Any:
        """An agent is called what its key says."""
        if not isinstance(data, Mapping):
            return data
        fields = dict(cast("Mapping[str, Any]", data))
        agents = fields.get("agents")
        if isinstance(agents, Mapping):
            named = cast("Mapping[str, Any]", agents).items()
            fields["agents"] = {name: _named(agent, name) for name, agent in named}
        return fields

    def task(self, task_id: str) -> AgentTask:
        """The task of that id.

        Raises:
            KeyError: The plan has none.
        """
        for task in self.tasks:
            if task.id == task_id:
                return task
        raise KeyError(task_id)


def _named(agent: Any, name: str) -> Any:
    """The agent, written or built, with its name if it has none yet."""
    if isinstance(agent, Mapping):
        return {"name": name, **cast("Mapping[str, Any]", agent)}
    return agent.model_copy(update={"name": name}) if isinstance(agent, AgentSpec) and not agent.name else agent
