"""A Prefect flow written by hand: the same calls, layer by layer, with persisted results."""

import asyncio
from typing import Any

from openai import AsyncOpenAI
from prefect import flow, task

from benchmarks.contestants import LAYERS, WIDTH, runs_asked_for, timed


@task(persist_result=True, result_serializer="json", retries=3)
async def answer(client: Any, layer: int, place: int) -> str:
    """One call."""
    response = await client.value.chat.completions.create(
        model="bench", messages=[{"role": "user", "content": f"Answer question {place} of layer {layer}."}]
    )
    return response.choices[0].message.content or ""


class Opaque:
    """Keeps Prefect from looking through the client, and from hashing it."""

    def __init__(self, value: Any) -> None:
        self.value = value


@flow(persist_result=True, result_serializer="json")
async def layered() -> list[str]:
    """Ten layers of ten calls, each layer after the one before."""
    async with AsyncOpenAI(max_retries=0) as client:
        states: list[Any] = []
        for layer in range(LAYERS):
            calls: list[Any] = [
                answer.with_options(cache_key_fn=_key(layer, place))(
                    Opaque(client), layer, place, wait_for=states, return_state=True
                )
                for place in range(WIDTH)
            ]
            states = list(await asyncio.gather(*calls))
        return [await state.result() for state in states]


def _key(layer: int, place: int) -> Any:
    return lambda context, parameters: f"{context.task_run.flow_run_id}-{layer}-{place}"


if __name__ == "__main__":
    asyncio.run(timed(layered, runs_asked_for()))
