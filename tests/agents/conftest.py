"""A directory of models behind the scripted server, and short ways to work."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from agentic_prefect.llm.connections import Connections
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.connection import Connection
from agentic_prefect.ports import Work
from agentic_prefect.testing import ScriptedServer
from agentic_prefect.testing.builders import make_task

MakeModels = Callable[..., Connections]

TASK_FIELDS = frozenset({"prompt", "special_instructions", "model", "call"})


def make_work(description: str = "Do it.", *, agent: AgentSpec | None = None, **fields: Any) -> Work:
    """Work of a task `t`; some fields go to the task itself."""
    task = make_task("t", **{name: fields.pop(name) for name in TASK_FIELDS & fields.keys()})
    return Work(task=task, task_id="t", agent=agent or AgentSpec(name="a"), description=description, **fields)


@pytest.fixture
async def make_models(scripted_server: ScriptedServer) -> AsyncIterator[MakeModels]:
    """Makes directories of connections to the scripted server, by name; their fields are those of `Connection`."""
    made: list[Connections] = []

    def make(default: str | None = None, **connections: dict[str, Any]) -> Connections:
        named = connections or {"scripted": {}}
        found = {
            name: Connection(**{"base_url": scripted_server.base_url, "model": "scripted-1", **fields})
            for name, fields in named.items()
        }
        made.append(Connections(found, keys=lambda name, connection: SecretStr("sk-scripted"), default=default))
        return made[-1]

    yield make
    for models in made:
        await models.aclose()
