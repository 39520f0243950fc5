"""pydantic-ai with its Prefect durability: the same calls as runs of one agent within a flow, layer by layer."""

import asyncio

from prefect import flow
from pydantic_ai import Agent
from pydantic_ai.durable_exec.prefect import PrefectDurability
from pydantic_ai.models.openai import OpenAIChatModel

from benchmarks.contestants import LAYERS, WIDTH, runs_asked_for, timed

agent = Agent(OpenAIChatModel("bench"), name="bench", capabilities=[PrefectDurability()])


@flow
async def layered() -> list[str]:
    """Ten layers of ten calls, each layer after the one before."""
    answers: list[str] = []
    for layer in range(LAYERS):
        calls = [agent.run(f"Answer question {place} of layer {layer}.") for place in range(WIDTH)]
        answers += [result.output for result in await asyncio.gather(*calls)]
    return answers


if __name__ == "__main__":
    asyncio.run(timed(layered, runs_asked_for()))
