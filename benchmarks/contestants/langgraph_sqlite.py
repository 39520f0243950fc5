"""LangGraph with its SQLite checkpointer: the same layers as supersteps of nodes."""

import asyncio
import operator
import tempfile
import uuid
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from openai import AsyncOpenAI

from benchmarks.contestants import LAYERS, WIDTH, runs_asked_for, timed


class State(TypedDict):
    """The answers so far."""

    answers: Annotated[list[str], operator.add]


def node(client: AsyncOpenAI, layer: int, place: int) -> Any:
    """One call as a node."""

    async def call(state: State) -> dict[str, list[str]]:
        response = await client.chat.completions.create(
            model="bench", messages=[{"role": "user", "content": f"Answer question {place} of layer {layer}."}]
        )
        return {"answers": [response.choices[0].message.content or ""]}

    return call


async def main() -> None:
    """Run it."""
    async with AsyncOpenAI(max_retries=0) as client:
        graph: Any = StateGraph(State)
        names = [[f"t{layer}_{place}" for place in range(WIDTH)] for layer in range(LAYERS)]
        for layer, row in enumerate(names):
            for place, name in enumerate(row):
                graph.add_node(name, node(client, layer, place))
                if layer:
                    graph.add_edge(names[layer - 1], name)
                else:
                    graph.add_edge(START, name)
        graph.add_edge(names[-1], END)
        with tempfile.TemporaryDirectory() as folder:
            async with AsyncSqliteSaver.from_conn_string(str(Path(folder) / "checkpoints.db")) as saver:
                compiled = graph.compile(checkpointer=saver)
                await timed(
                    lambda: compiled.ainvoke({"answers": []}, {"configurable": {"thread_id": str(uuid.uuid4())}}),
                    runs_asked_for(),
                )


if __name__ == "__main__":
    asyncio.run(main())
