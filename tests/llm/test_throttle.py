"""Requests that wait for their turn."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, nullcontext

import pytest

from agentic_prefect.errors import Overloaded, RateLimited
from agentic_prefect.llm.connections import Connections
from agentic_prefect.llm.throttle import ThrottledModels
from agentic_prefect.models.chat import ChatRequest, Message, ModelSettings
from agentic_prefect.models.connection import Connection
from agentic_prefect.testing import Fault, Reply, ScriptedServer


class Waits:
    """Hears what is said about waits."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @contextmanager
    def __call__(self, why: str) -> Generator[None]:
        self.heard.append(why)
        yield


def connections_to(server: ScriptedServer, **limits: int) -> Connections:
    """One connection, called `house`."""
    connection = Connection.model_validate({"base_url": server.base_url, "model": "m", **limits})
    return Connections({"house": connection}, keys=lambda name, connection: None)


async def ask(connections: Connections, waits: Waits, *, tokens: int | None = None) -> str:
    """One request."""
    found = ThrottledModels(connections, connections.throttle, waits).resolve("house")
    request = ChatRequest(
        model="m",
        messages=(Message(role="user", content="Hi."),),
        settings=ModelSettings(max_output_tokens=tokens),
    )
    return (await found.chat.complete(request)).text


async def test_a_refusal_with_retry_after_holds_the_others_back(scripted_server: ScriptedServer) -> None:
    """Those that come later wait as long as the provider said to one of them, and a little more, and say why."""
    # L-29
    scripted_server.queue([Fault.rate_limited(retry_after_s=1), Reply.text("fine")])
    connections, waits = connections_to(scripted_server), Waits()
    with pytest.raises(RateLimited):
        await ask(connections, waits)
    answer = await ask(connections, waits)
    first, second = scripted_server.requests

    assert answer == "fine"
    assert second.received_at - (first.answered_at or 0) >= 0.95
    assert len(waits.heard) == 1
    assert waits.heard[0].startswith("Connection 'house' was told to wait; this goes on in 1.")


async def test_another_run_to_the_same_address_waits_too(scripted_server: ScriptedServer) -> None:
    """Whoever runs plans in this process; a connection to another address does not."""
    scripted_server.queue([Fault.overloaded(retry_after_s=1), Reply.text("fine")])
    with pytest.raises(Overloaded):
        await ask(connections_to(scripted_server), Waits())
    with ScriptedServer() as other:
        await ask(connections_to(other), elsewhere := Waits())
    assert elsewhere.heard == []
    await ask(connections_to(scripted_server), Waits())
    first, second = scripted_server.requests

    assert second.received_at - (first.answered_at or 0) >= 0.95


async def test_without_retry_after_nobody_else_waits(scripted_server: ScriptedServer) -> None:
    """Then it is the task's own back-off that says how long."""
    scripted_server.queue([Fault.rate_limited(), Reply.text("fine")])
    connections, waits = connections_to(scripted_server), Waits()
    with pytest.raises(RateLimited):
        await ask(connections, waits)
    await ask(connections, waits)

    assert waits.heard == []


async def test_requests_per_minute(scripted_server: ScriptedServer) -> None:
    """Of sixty a minute ten go at once and the rest one a second."""
    connections, waits = connections_to(scripted_server, requests_per_minute=60), Waits()
    await asyncio.gather(*(ask(connections, waits) for _ in range(12)))
    times = sorted(each.received_at for each in scripted_server.requests)

    assert times[11] - times[0] >= 1.9
    assert sum("at its limit per minute" in why for why in waits.heard) >= 2


async def test_tokens_per_minute(scripted_server: ScriptedServer) -> None:
    """A request waits until its tokens are there; one that is larger than the limit is let through in its turn."""
    connections, waits = connections_to(scripted_server, tokens_per_minute=6000), Waits()
    await ask(connections, waits, tokens=100_000)
    await ask(connections, waits, tokens=95)
    first, second = scripted_server.requests

    assert second.received_at - first.received_at >= 0.9


async def test_a_throttle_without_limits_lets_through(scripted_server: ScriptedServer) -> None:
    """Nothing is said and nothing is waited for."""
    connections = connections_to(scripted_server)
    await connections.throttle("house").enter(10, lambda why: nullcontext())

    assert connections.throttle("house") is connections_to(scripted_server).throttle("house")
