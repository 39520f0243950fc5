"""Agents that a plan gives work to and does not describe."""

from agentic_prefect import load_plan
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.plans.agents import undescribed_agents, with_agents

PLAN = load_plan(
    {
        "name": "outer",
        "defaults": {"agent": "house"},
        "agents": {"own": {"role": "own"}},
        "tasks": [
            {"id": "a", "description": "x", "agent": "own"},
            {"id": "b", "description": "x", "agent": "guest"},
            {
                "id": "c",
                "kind": "plan",
                "plan": {
                    "name": "inner",
                    "tasks": [
                        {"id": "d", "description": "x", "agent": "guest"},
                        {"id": "e", "description": "x", "agent": "own"},
                    ],
                },
            },
            {"id": "f", "kind": "plan", "plan": {"tasks": "none"}},
            {"id": "g", "kind": "plan", "plan": "named"},
        ],
    }
)


def test_they_are_found_wherever_a_plan_names_them() -> None:
    """In tasks, in the defaults and in sub-plans that are written out, each of which describes its own agents."""
    assert undescribed_agents(PLAN) == {"house", "guest", "own"}
    assert undescribed_agents(load_plan({"name": "none", "tasks": [{"id": "a", "description": "x"}]})) == frozenset()


def test_each_plan_gets_those_that_it_lacks() -> None:
    """What a plan describes itself stays, and what nobody gives work to is left out."""
    given = {name: AgentSpec(role=f"found {name}") for name in ("own", "guest", "idle")}

    found = with_agents(PLAN, given)
    inner = found.tasks[2].plan

    assert {name: agent.role for name, agent in found.agents.items()} == {"own": "own", "guest": "found guest"}
    assert isinstance(inner, dict)
    assert {name: agent["role"] for name, agent in inner["agents"].items()} == {
        "guest": "found guest",
        "own": "found own",
    }
    assert [task.plan for task in found.tasks[3:]] == [{"tasks": "none"}, "named"]
    assert undescribed_agents(found) == {"house"}


def test_a_plan_that_lacks_none_stays_the_same() -> None:
    """It is handed back as it is, not copied."""
    assert with_agents(PLAN, {"idle": AgentSpec()}) is PLAN
