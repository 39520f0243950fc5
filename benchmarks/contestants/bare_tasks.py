"""The least that Prefect can do with these calls: a task a call, its result persisted, without arrows or retries."""

import asyncio

from openai import AsyncOpenAI
from prefect import flow, task

from benchmarks.contestants import LAYERS, WIDTH, runs_asked_for, timed

clients: list[AsyncOpenAI] = []


@task(persist_result=True, result_serializer="json")
async def answer(question: str, run: float) -> str:
    """One call; `run` keeps the results of one run from being found by the next."""
    response = await clients[-1].chat.completions.create(
        model="bench", messages=[{"role": "user", "content": question}]
    )
    return response.choices[0].message.content or ""


@flow
async def layered(run: float) -> int:
    """Ten layers of ten calls, each layer after the one before."""
    answered = 0
    for layer in range(LAYERS):
        calls = [answer(f"Answer question {place} of layer {layer}.", run) for place in range(WIDTH)]
        answered += len(await asyncio.gather(*calls))
    return answered


async def main() -> None:
    """Run it, with one client for all runs."""
    async with AsyncOpenAI(max_retries=0) as client:
        clients.append(client)

        async def work() -> None:
            await layered(asyncio.get_running_loop().time())

        await timed(work, runs_asked_for())


if __name__ == "__main__":
    asyncio.run(main())
