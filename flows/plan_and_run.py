"""Has a model plan the work for a goal, shows the plan, runs it, and gives back a report of the sections it planned.

Parameter: `goal`. Environment: `OPENAI_API_KEY` or `OPENAI_BASE_URL`, unless a model on this machine answers. What the
model writes reaches the plan as data: nothing in it is evaluated, and every task is done by the agent named here.
"""

from typing import Any, Self

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from pydantic import BaseModel, Field, model_validator

from agentic_prefect import Plan, agent_task, load_plan, run_plan
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.mermaid import mermaid
from agentic_prefect.policies.effective import effective_plan


class Step(BaseModel):
    """One piece of the work."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,24}$", description="A short name in lower case.")
    description: str = Field(max_length=1000, description="What to do, in one to three sentences.")
    needs: list[str] = Field(max_length=10, description="The ids of earlier steps whose outcome this one uses.")


class Answer(BaseModel):
    """What the final answer is to look like."""

    format: str = Field(max_length=200, description="Such as: a report, a list of options, a table.")
    sections: list[str] = Field(min_length=1, max_length=8, description="The headings, in order.")
    length: str = Field(max_length=100, description="Such as: one page.")


class Draft(BaseModel):
    """The work that a goal takes."""

    steps: list[Step] = Field(min_length=1, max_length=12)
    answer: Answer

    @model_validator(mode="after")
    def _steps_need_earlier_ones(self) -> Self:
        known: set[str] = set()
        for step in self.steps:
            if step.id in known or step.id == "report":
                raise ValueError(f"there are two steps called {step.id!r}; `report` is taken")
            if unknown := [name for name in step.needs if name not in known]:
                raise ValueError(f"step {step.id!r} needs {unknown}, which no earlier step is called")
            known.add(step.id)
        return self


@agent_task(agent="planner", retries=2)
async def draft_plan(goal: str) -> Draft:
    """Split the work for this goal into a few steps, and say what the answer is to look like: {{ goal }}"""
    ...


def plan_for(goal: str, draft: Draft) -> tuple[Plan, dict[str, Any]]:
    """The plan of a draft and its inputs. Each step is a task, and the last one assembles the answer."""
    steps = {step.id: step.description for step in draft.steps}
    tasks: list[dict[str, Any]] = [
        {
            "id": step.id,
            "agent": "worker",
            "description": f"{{{{ inputs.steps.{step.id} }}}}",
            "input": {name: f"{{{{ tasks.{name}.output }}}}" for name in step.needs} or None,
        }
        for step in draft.steps
    ]
    report = {
        "id": "report",
        "agent": "worker",
        "description": "Write the answer to the goal: {{ inputs.goal }}\nForm: {{ inputs.answer }}",
        "input": {name: f"{{{{ tasks.{name}.output }}}}" for name in steps},
        "output": {
            "type": "object",
            "properties": {section: {"type": "string"} for section in draft.answer.sections},
            "required": draft.answer.sections,
            "additionalProperties": False,
        },
    }
    plan = load_plan(
        {
            "name": "planned",
            "inputs": {"goal": {"type": "string"}, "steps": {"type": "object"}, "answer": {"type": "string"}},
            "agents": {"worker": {"role": "someone who works carefully and says what is not known"}},
            "tasks": [*tasks, report],
            "result": "{{ tasks.report.output }}",
        }
    )
    answer = draft.answer
    form = f"{answer.format}, {answer.length}, with the sections {', '.join(answer.sections)}"
    return plan, {"goal": goal, "steps": steps, "answer": form}


@flow(name="plan-and-run")
async def plan_and_run(goal: str = "Find out whether we should move our nightly jobs to the morning.") -> str:
    """Plan the work for a goal, run it, and write a report.

    Args:
        goal: What is to be achieved.
    """
    draft = (await draft_plan(goal)).unwrap()
    plan, inputs = plan_for(goal, draft)
    steps = "\n".join(f"1. **{step.id}**: {step.description}" for step in draft.steps)
    drawing = mermaid(plan, build_graph(effective_plan(plan)))
    await acreate_markdown_artifact(
        key="plan", markdown=f"# {goal}\n\n{steps}\n\n```mermaid\n{drawing}\n```\n", description="What was planned."
    )
    result = await run_plan(plan, inputs)
    if result.failed:
        raise RuntimeError(f"The plan ended {result.status}: {result.reason}. See {result.url or result.run_id}.")
    report = "\n\n".join(f"## {section}\n\n{result.output[section]}" for section in draft.answer.sections)
    await acreate_markdown_artifact(key="report", markdown=report, description=goal)
    return report
