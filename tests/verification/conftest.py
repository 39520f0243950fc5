"""A hub over the scripted server, and short ways to work."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from agentic_prefect.agents.runner import ModelRunner
from agentic_prefect.llm.connections import Connections
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.verdict import Verdict
from agentic_prefect.ports import Verifiers, Work
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.registry import default_registry
from agentic_prefect.testing import ScriptedServer
from agentic_prefect.testing.builders import make_task
from agentic_prefect.verification.hub import CheckHub
from agentic_prefect.verification.judge import Judge

MakeHub = Callable[..., CheckHub]


def make_work(*checks: object, output: dict[str, Any] | None = None, **fields: Any) -> Work:
    """Work of a task `t` with these checks; `output` is the JSON Schema of its answer."""
    return Work(
        task=make_task("t", checks=list(checks)),
        task_id="t",
        agent=AgentSpec(name="a"),
        description="Do it.",
        output=OutputSchema(name="answer", json_schema=output) if output else None,
        **fields,
    )


@pytest.fixture
async def make_hub(scripted_server: ScriptedServer) -> AsyncIterator[MakeHub]:
    """Makes hubs whose judges are the scripted server."""
    connections = Connections(
        {"scripted": Connection(base_url=scripted_server.base_url, model="scripted-1")},
        keys=lambda name, connection: SecretStr("sk-scripted"),
    )

    def make(verifiers: Verifiers | None = None) -> CheckHub:
        judge = Judge(PromptBuilder(default_registry()), ModelRunner(connections))
        return CheckHub(judge, verifiers or {}, ["tests.verification"])

    yield make
    await connections.aclose()


@pytest.fixture
def verdict_of(make_hub: MakeHub) -> Callable[..., Any]:
    """The verdict of checks on an output."""

    async def look(found: Any, /, *checks: object, verifiers: Verifiers | None = None, **fields: Any) -> Verdict:
        return await make_hub(verifiers).verdict_on(found, make_work(*checks, **fields))

    return look
