"""Short ways to requests and models behind the scripted server."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from agentic_prefect.llm.openai_model import OpenAIModel
from agentic_prefect.models.chat import ChatRequest, Message
from agentic_prefect.models.connection import Connection
from agentic_prefect.testing import ScriptedServer

MakeModel = Callable[..., OpenAIModel]


def ask(text: str = "Say hello.", **fields: Any) -> ChatRequest:
    """A request with one user message."""
    return ChatRequest(
        model=fields.pop("model", "gpt-5-mini"), messages=(Message(role="user", content=text),), **fields
    )


@pytest.fixture
async def make_model(scripted_server: ScriptedServer) -> AsyncIterator[MakeModel]:
    """Makes models of a connection to the scripted server; its fields are those of `Connection`."""
    made: list[OpenAIModel] = []

    def make(**fields: Any) -> OpenAIModel:
        model = OpenAIModel(Connection(**{"base_url": scripted_server.base_url, **fields}), name="scripted")
        made.append(model)
        return model

    yield make
    for model in made:
        await model.aclose()
