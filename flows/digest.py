"""Sums up a text, and falls back to a shorter summary when the first one cannot be had.

Parameter: `text`. Environment: `OPENAI_API_KEY` or `OPENAI_BASE_URL`, unless a model on this machine answers.
"""

from prefect import flow
from pydantic import BaseModel, Field

from agentic_prefect import agent_task


class Summary(BaseModel):
    """What a summary has."""

    title: str = Field(description="At most ten words.")
    points: list[str] = Field(description="One sentence each.")


@agent_task(agent="summariser", retries=3)
async def summarise(text: str) -> Summary:
    """Summarise this text in three points: {{ text }}"""
    ...


@agent_task(agent="summariser", retries=1)
async def summarise_briefly(text: str) -> Summary:
    """Give this text a title and one point: {{ text }}"""
    ...


@flow(name="digest")
async def digest(
    text: str = "Prefect runs flows. A flow is a Python function; its tasks are seen and retried.",
) -> Summary:
    """Summarise a text.

    Args:
        text: What to summarise.
    """
    result = await summarise(text)
    if result.failed:
        result = await summarise_briefly(text)
    return result.unwrap()
