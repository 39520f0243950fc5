"""Agents that a plan gives work to and does not describe: somewhere else may know them by their names."""

from collections.abc import Mapping

from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.load import load_plan
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.plans.written import plain_plan


def undescribed_agents(plan: Plan) -> frozenset[str]:
    """Their names; sub-plans that are written out in the plan count, those that it names do not."""
    return _undescribed(plan).union(*(undescribed_agents(inner) for task in plan.tasks if (inner := _inner(task))))


def with_agents(plan: Plan, agents: Mapping[str, AgentSpec]) -> Plan:
    """The plan with those of the agents that it does not describe, and the same for its sub-plans; else as it is.

    Args:
        plan: The plan.
        agents: The agents by name; whom nobody gives work to is left out.
    """
    if not undescribed_agents(plan) & agents.keys():
        return plan
    found = {name: agents[name] for name in sorted(_undescribed(plan)) if name in agents}
    tasks = tuple(_with_agents(task, agents) for task in plan.tasks)
    return plan.model_copy(update={"agents": {**plan.agents, **found}, "tasks": tasks})


def _undescribed(plan: Plan) -> frozenset[str]:
    named = (plan.defaults.agent, *(task.agent for task in plan.tasks))
    return frozenset(name for name in named if name and name not in plan.agents)


def _with_agents(task: AgentTask, agents: Mapping[str, AgentSpec]) -> AgentTask:
    inner = _inner(task)
    if inner is None or not undescribed_agents(inner) & agents.keys():
        return task
    return task.model_copy(update={"plan": plain_plan(with_agents(inner, agents))})


def _inner(task: AgentTask) -> Plan | None:
    """The sub-plan that is written out; `None` also for what is no plan, which validation tells of."""
    if not isinstance(task.plan, dict):
        return None
    try:
        return load_plan(task.plan)
    except PlanProblems:
        return None
