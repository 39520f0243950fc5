"""Asks several experts the same question at the same time, then has their answers weighed.

Parameters: `question`, `experts`. Environment: `OPENAI_API_KEY` or `OPENAI_BASE_URL`, unless a model on this machine
answers. An expert who fails is left out; the flow fails only when nobody answers.
"""

import asyncio

from prefect import flow
from pydantic import BaseModel, Field

from agentic_prefect import AgentSpec, agent_task


class Verdict(BaseModel):
    """What the chair decides."""

    answer: str
    agreed: bool = Field(description="Whether the experts said the same.")


@agent_task(agent=AgentSpec(name="expert", role="expert", constraints=("Stay under 60 words.",)), retries=2)
async def give_opinion(question: str, field: str) -> str:
    """As an expert in {{ field }}, answer the question: {{ question }}"""
    ...


@agent_task(agent="chair", retries=2)
async def weigh(question: str, opinions: list[str]) -> Verdict:
    """Weigh the opinions on the question: {{ question }}"""
    ...


@flow(name="second-opinion")
async def second_opinion(
    question: str = "Should a nightly job retry when its source is late?",
    experts: list[str] = ["operations", "accounting", "law"],  # noqa: B006  # shown as the form's default, never changed
) -> Verdict:
    """Ask several experts and weigh their answers.

    Args:
        question: What to ask.
        experts: One field of work per expert.
    """
    results = await asyncio.gather(*(give_opinion(question, field) for field in experts))
    opinions = [result.unwrap() for result in results if result.successful]
    return (await weigh(question, opinions)).unwrap()
