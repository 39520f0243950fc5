"""Requests that wait for their turn."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from agentic_prefect.errors import ConnectionLost, Overloaded, RateLimited
from agentic_prefect.llm.connections import Connections
from agentic_prefect.llm.structured import complete_structured
from agentic_prefect.llm.throttle import ThrottledModels
from agentic_prefect.models.chat import ChatRequest, Message, ModelSettings, OutputSchema
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.usage import Usage
from agentic_prefect.ports import SharedLimits
from agentic_prefect.testing import Fault, Reply, ScriptedServer


class Waits:
    """Hears what is said about waits."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @contextmanager
    def __call__(self, why: str) -> Generator[None]:
        self.heard.append(why)
        yield


class CountedTurns:
    """Limits that all workers have in common, and that let everything through."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def acquire(self, connection: str, tokens: int) -> None:
        self.taken.append(connection)

    async def hold(self, connection: str, seconds: float) -> None:
        pass


class LimitsAway:
    """Limits that all workers have in common, on a server that is away."""

    def __init__(self, *away: str) -> None:
        self._away = away

    async def acquire(self, connection: str, tokens: int) -> None:
        self._ask("acquire")

    async def hold(self, connection: str, seconds: float) -> None:
        self._ask("hold")

    def _ask(self, what: str) -> None:
        if what in self._away:
            raise OSError("all connection attempts failed")


def connections_to(server: ScriptedServer, shared: SharedLimits | None = None, **limits: int) -> Connections:
    """One connection, called `house`."""
    connection = Connection.model_validate({"base_url": server.base_url, "model": "m", **limits})
    return Connections({"house": connection}, keys=lambda name, connection: None, shared=shared)


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
    assert waits.heard[0].startswith("Connection 'house' was told to wait; this goes on in ")


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

    assert times[11] - times[0] >= 1  # the first one may have come a while after it was let through
    assert sum("at its limit per minute" in why for why in waits.heard) >= 2


async def test_tokens_per_minute(scripted_server: ScriptedServer) -> None:
    """A request waits until its tokens are there, at the limit's rate."""
    connections, waits = connections_to(scripted_server, tokens_per_minute=60_000), Waits()
    await ask(connections, waits, tokens=9_999)
    await ask(connections, waits, tokens=999)
    first, second = scripted_server.requests

    assert second.received_at - first.received_at >= 0.4  # the first one may have come a while after it was let through


def test_a_limit_per_minute_holds_over_event_loops(scripted_server: ScriptedServer) -> None:
    """Runs one after the other, each in a loop of its own, share what a minute allows."""

    async def once() -> None:
        await ask(connections_to(scripted_server, requests_per_minute=59), Waits())

    for _ in range(12):
        asyncio.run(once())
    times = sorted(each.received_at for each in scripted_server.requests)

    assert times[11] - times[0] >= 1  # the first one may have come a while after it was let through


async def test_a_throttle_without_limits_lets_through(scripted_server: ScriptedServer) -> None:
    """Nothing is said and nothing is waited for."""
    connections = connections_to(scripted_server)
    async with connections.throttle("house").turn(10, waits := Waits()):
        pass

    assert waits.heard == []
    assert connections.throttle("house") is connections_to(scripted_server).throttle("house")


async def test_requests_in_flight(scripted_server: ScriptedServer) -> None:  # U-06
    """No more requests of a connection are under way than it allows, whoever sends them; the others wait in silence."""
    scripted_server.answer_by_default(Reply.hold())
    clients, waits = [connections_to(scripted_server, max_in_flight=3) for _ in range(2)], Waits()
    calls = [asyncio.ensure_future(ask(clients[number % 2], waits)) for number in range(10)]
    for done in (3, 6, 9, 10):
        await scripted_server.wait_for_requests_async(done)
        scripted_server.release()
    await asyncio.gather(*calls)

    assert (scripted_server.count, scripted_server.max_in_flight) == (10, 3)
    assert waits.heard == [""] * 7


async def test_those_in_the_queue_hear_of_a_refusal(scripted_server: ScriptedServer) -> None:
    """A request that waited for a free place is not sent into a provider that has just asked to wait."""
    scripted_server.queue([Fault.rate_limited(retry_after_s=1)])
    connections, waits = connections_to(scripted_server, max_in_flight=1), Waits()
    ended = await asyncio.gather(*(ask(connections, waits) for _ in range(3)), return_exceptions=True)
    first, second, _ = scripted_server.requests

    assert [type(each).__name__ for each in ended] == ["RateLimited", "str", "str"]
    assert second.received_at - (first.answered_at or 0) >= 0.95


async def test_who_is_cancelled_in_the_queue_has_used_nothing(scripted_server: ScriptedServer) -> None:
    """A request that was never sent is no call."""
    scripted_server.answer_by_default(Reply.hold())
    connections, heard = connections_to(scripted_server, max_in_flight=1), list[Usage]()
    first = asyncio.create_task(ask(connections, Waits()))
    await scripted_server.wait_for_requests_async(1)
    queue = Waits()
    found = ThrottledModels(connections, connections.throttle, queue).resolve("house")
    request = ChatRequest(model="m", messages=(Message(role="user", content="Hi."),))
    second = asyncio.create_task(complete_structured(found.chat, request, repairs=0, on_usage=heard.append))
    await asyncio.sleep(0)
    second.cancel()
    scripted_server.release()
    await asyncio.wait([first, second])

    assert (queue.heard, heard, scripted_server.count) == ([""], [Usage()], 1)


async def test_each_request_for_a_call_takes_its_turn(scripted_server: ScriptedServer) -> None:
    """What a server refuses for its form counts for the limits per minute, too."""
    scripted_server.queue([Fault.schema_refused(), Fault.schema_refused(), Reply.json_value({"value": ["Ada"]})])
    shared = CountedTurns()
    connections = connections_to(scripted_server, shared=shared, max_in_flight=23)
    found = ThrottledModels(connections, connections.throttle, Waits()).resolve("house")
    names = OutputSchema(name="names", json_schema={"type": "array", "items": {"type": "string"}})
    message = Message(role="user", content="Hi.")
    response = await found.chat.complete(ChatRequest(model="m", messages=(message,), output=names))

    assert (response.usage.calls, shared.taken) == (3, ["house"] * 3)


async def test_a_refusal_stays_one_when_the_other_workers_cannot_be_told(
    scripted_server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is the provider's, this process waits all the same, and the log says what did not work."""
    scripted_server.queue([Fault.rate_limited(retry_after_s=1), Reply.text("fine")])
    connections, waits = connections_to(scripted_server, shared=LimitsAway("hold"), max_in_flight=21), Waits()
    with pytest.raises(RateLimited) as caught:
        await ask(connections, waits)
    answer = await ask(connections, waits)

    assert (caught.value.retry_after_s, answer) == (1, "fine")
    assert [why[:36] for why in waits.heard if why] == ["Connection 'house' was told to wait;"]
    assert "the other workers could not be told (OSError: all connection attempts failed)" in caplog.text


async def test_shared_limits_that_cannot_be_asked_are_a_lost_connection(scripted_server: ScriptedServer) -> None:
    """Which is tried again; nothing was sent, and nothing used."""
    with pytest.raises(ConnectionLost, match=r"could not be asked \(OSError: all .*\)\. Nothing was sent\.") as caught:
        await ask(connections_to(scripted_server, shared=LimitsAway("acquire"), max_in_flight=22), Waits())

    assert (caught.value.retryable, caught.value.usage, scripted_server.count) == (True, Usage(), 0)


async def test_connections_with_other_limits_hear_of_a_refusal(scripted_server: ScriptedServer) -> None:
    """Another plan with another limit to the same address waits, too."""
    scripted_server.queue([Fault.rate_limited(retry_after_s=1)])
    with pytest.raises(RateLimited):
        await ask(connections_to(scripted_server), Waits())
    await ask(connections_to(scripted_server, max_in_flight=7), waits := Waits())

    assert [why[:36] for why in waits.heard] == ["Connection 'house' was told to wait;"]


async def test_those_at_the_limit_per_minute_hear_of_a_refusal(scripted_server: ScriptedServer) -> None:
    """A request whose minute has come is not sent before the provider's wait is over."""
    scripted_server.queue([Fault.rate_limited(retry_after_s=2)])
    connections = connections_to(scripted_server, requests_per_minute=58)
    await asyncio.gather(*(ask(connections, Waits()) for _ in range(11)), return_exceptions=True)
    refused = scripted_server.requests[0].answered_at or 0

    assert max(each.received_at for each in scripted_server.requests) - refused >= 1.95
