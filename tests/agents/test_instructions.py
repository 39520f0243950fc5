"""Plans and agents from a few words."""

import pytest
from pydantic import ValidationError

from agentic_prefect.agents.agent_kind import AgentKind
from agentic_prefect.agents.instructions import AssemblyStep, build_agent, plan_from
from agentic_prefect.agents.runner import ModelRunner
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.validate import validate_plan
from agentic_prefect.ports import Work
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.registry import default_registry
from agentic_prefect.testing import Reply, ScriptedServer
from tests.agents.conftest import MakeModels


async def test_instructions_run_and_options_reach_the_agent(
    scripted_server: ScriptedServer, make_models: MakeModels
) -> None:
    """The text is the task; other keywords are found in the request that is sent."""
    scripted_server.on("Count to three.", Reply.text("1 2 3"))
    plan = plan_from("Count to three.", role="counter", model="scripted/big", temperature=0.2, retries=1, priority=4)
    task = plan.task("task")
    agent = plan.agents[task.agent or ""]
    task = task.model_copy(update={"model": agent.model})
    work = Work(task=task, task_id=task.id, agent=agent, description=task.description)

    output = await AgentKind(PromptBuilder(default_registry()), ModelRunner(make_models())).execute(work)

    body = scripted_server.requests[0].body
    assert output == "1 2 3"
    assert (body["model"], body["temperature"]) == ("big", 0.2)
    assert "Your role: counter" in scripted_server.requests[0].prompt_text
    assert (agent.retries, task.priority) == (1, 4)


def test_plan_is_valid_and_whole() -> None:
    """It can be stored, read again and checked like any other plan."""
    plan = plan_from("Sum it up.", task_id="Sum_up", output={"type": "string"})

    assert plan.name == "sum_up"
    assert plan.result == "{{ tasks.Sum_up.output }}"
    assert [problem for problem in validate_plan(plan) if problem.severity == "error"] == []
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize("instructions", ["", "  \n"])
def test_empty_instructions_are_refused(instructions: str) -> None:
    """Before anything is stored or sent."""
    with pytest.raises(PlanInvalid, match="instructions are empty"):
        plan_from(instructions)


def test_unknown_options_are_named_at_once() -> None:
    """Each with the name that was probably meant."""
    with pytest.raises(PlanInvalid) as raised:
        plan_from("x", rol="counter", temprature=1, xyzzy=2)

    assert "no option 'rol'. Did you mean 'role'?" in str(raised.value)
    assert "'temprature'. Did you mean 'temperature'?" in str(raised.value)
    assert "'xyzzy'" in str(raised.value)


def test_option_out_of_bounds_is_refused() -> None:
    """The field is named."""
    with pytest.raises(ValidationError, match="temperature"):
        plan_from("x", temperature=-1)


def test_builder_fills_defaults_and_applies_steps_in_order() -> None:  # L-17
    """A step sees what the one before it made."""

    def numbered(rule: str) -> AssemblyStep:
        def step(spec: AgentSpec) -> AgentSpec:
            rules = spec.constraints
            return spec.model_copy(update={"constraints": (*rules, f"{len(rules)} {rule}")})

        return step

    agent = build_agent(numbered("first"), numbered("second"), role="critic")

    assert agent == AgentSpec(name="assistant", role="critic", constraints=("0 first", "1 second"))
