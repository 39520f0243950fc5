"""Plans from text, from data and from Python."""

import json
import pickle

import pytest
from pydantic import SecretStr

from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.policy import Continue, Fallback
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.load import dump_plan, load_plan
from agentic_prefect.plans.problems import PlanProblems

PLAN = """
name: trip-research
description: Research a trip
inputs:
  query: {type: string, default: "Caribbean: surfing"}
defaults: {model: gpt-5-mini, timeout_s: 60, on_failure: skip_dependents}
budget: {usd: 0.50}
agents:
  writer: {role: editor, capabilities: []}
tasks:
  - id: search
    for_each: [a, b]
    agent: writer
    description: |
      Look for {{ item }}.
      Be quick.
    retry: {on: [timeout]}
    on_failure: continue
  - id: write
    description: Write.
    input: {notes: "{{ tasks.search.outputs }}"}
    on_failure: {fallback: [write_short]}
    failure_policy:
      rate_limit: {retry: 6}
      authentication: ask_human
      content_filter: {fallback: write_short}
      default: abort
  - id: write_short
    description: Write less.
result: "{{ tasks.write.output }}"
"""


def test_load() -> None:
    """A plan file is read with its short forms, and agents are called what their keys say."""  # L-05 L-07
    plan = load_plan(PLAN)

    assert [task.id for task in plan.tasks] == ["search", "write", "write_short"]
    assert plan.agents["writer"].name == "writer"
    assert plan.task("search").for_each == ("a", "b")
    assert plan.task("search").on_failure == Continue()
    assert plan.task("write").on_failure == Fallback(chain=("write_short",))


def test_the_same_plan_built_in_python() -> None:
    """A plan that is built equals the one that is read, agents' names included."""
    built = Plan(
        name="p",
        agents={"writer": AgentSpec(role="editor")},
        tasks=(AgentTask(id="a", agent="writer", description="Write."),),
    )

    assert load_plan(dump_plan(built)) == built
    assert built == load_plan(
        "{name: p, agents: {writer: {role: editor}}, tasks: [{id: a, agent: writer, description: Write.}]}"
    )


def test_a_mapping_is_a_plan_too() -> None:
    """What would stand in the text can be given as data."""
    assert load_plan(json.loads(dump_plan(load_plan(PLAN), "json"))) == load_plan(PLAN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("schema_version: 2", ["written for schema version 2, this program reads up to 1. Update agentic-prefect"]),
        ("description: x", ["the field 'name' is missing", "the field 'tasks' is missing"]),
        ("", ["the plan is empty. It needs at least `name` and `tasks`"]),
        ("- a", ["a plan is a mapping with `name` and `tasks`, got list"]),
    ],
)
def test_no_plan_at_all(text: str, expected: list[str]) -> None:
    """Data that is no plan of this version is refused before anything else is said about it."""
    with pytest.raises(PlanProblems) as caught:
        load_plan(text)

    assert [part in str(problem) for part, problem in zip(expected, caught.value.problems, strict=True)] == [
        True
    ] * len(expected)


def test_problems_survive_pickling() -> None:
    """The error crosses a process's border with its problems."""
    with pytest.raises(PlanProblems) as caught:
        load_plan("name: 5")

    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_a_key_in_a_plan_is_refused_and_not_shown() -> None:
    """It would be lost when the plan is stored; the message names the ways out, and other problems are told as well."""
    text = "name: p\nmodels:\n  x: {api_key: sk-own-4711, stream: 3}\ntasks: [{id: a, description: A}]\n"
    with pytest.raises(PlanProblems) as caught:
        load_plan(text)

    by_path = {problem.path: problem for problem in caught.value.problems}
    assert set(by_path) == {"models.x.api_key", "models.x.stream"}
    assert by_path["models.x.api_key"].line == 3
    assert "`api_key_env`" in str(caught.value)
    assert "`OpenAIConnection`" in str(caught.value)
    assert "4711" not in str(caught.value)


def test_a_connection_made_in_python_may_carry_a_key() -> None:
    """What is built in code is no document."""
    connection = Connection(api_key=SecretStr("sk-own-4711"))
    plan = load_plan({"name": "p", "models": {"x": connection}, "tasks": [{"id": "a", "description": "A"}]})

    assert plan.models["x"].api_key == SecretStr("sk-own-4711")
