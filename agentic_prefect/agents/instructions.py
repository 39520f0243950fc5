"""A plan of one task, from nothing but what is to be done."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.chat import ModelSettings
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.names import did_you_mean, listing

AssemblyStep = Callable[[AgentSpec], AgentSpec]
"""Adds to an agent, or changes it."""

_AGENT: Final = frozenset(AgentSpec.model_fields) - {"settings"}
_SETTINGS: Final = frozenset(ModelSettings.model_fields)
_TASK: Final = frozenset(AgentTask.model_fields) - _AGENT - {"id", "agent", "description"}


def build_agent(*steps: AssemblyStep, **options: Any) -> AgentSpec:
    """An agent with its defaults filled in, and then each step applied in order.

    Args:
        steps: What is done to it.
        options: Fields of `AgentSpec`; fields of `ModelSettings`, such as `temperature`, go to its settings.

    Raises:
        PlanInvalid: There are no such fields; all are named.
    """
    _check_names(options, _AGENT | _SETTINGS)
    settings = {name: value for name, value in options.items() if name in _SETTINGS}
    fields = {name: value for name, value in options.items() if name in _AGENT}
    spec = AgentSpec.model_validate({"name": "assistant", **fields, "settings": settings})
    for step in steps:
        spec = step(spec)
    return spec


def plan_from(instructions: str, *, task_id: str = "task", steps: Sequence[AssemblyStep] = (), **options: Any) -> Plan:
    """A plan of one agent task that does what the instructions say; its output is the plan's.

    Args:
        instructions: What is to be done.
        task_id: The id of the task; in lower case, it is the plan's name.
        steps: What is done to the agent.
        options: Fields of `AgentSpec` and `ModelSettings` go to the agent, those that only `AgentTask` has to the task.

    Raises:
        PlanInvalid: The instructions are empty, or there are no such fields; all are named.
    """
    if not instructions.strip():
        raise PlanInvalid("The instructions are empty. Say what is to be done.")
    _check_names(options, _AGENT | _SETTINGS | _TASK)
    agent = build_agent(*steps, **{name: value for name, value in options.items() if name not in _TASK})
    fields = {name: value for name, value in options.items() if name in _TASK}
    task = AgentTask.model_validate({"id": task_id, "agent": agent.name, "description": instructions, **fields})
    return Plan.model_validate(
        {
            "name": task_id.lower(),
            "agents": {agent.name: agent},
            "tasks": [task],
            "result": f"{{{{ tasks.{task_id}.output }}}}",
        }
    )


def _check_names(options: dict[str, Any], known: frozenset[str]) -> None:
    unknown = [f"{name!r}. {did_you_mean(name, known)}".strip() for name in options if name not in known]
    if unknown:
        raise PlanInvalid(f"There is no option {'; no '.join(unknown)} Known: {listing(sorted(known), most=60)}.")
