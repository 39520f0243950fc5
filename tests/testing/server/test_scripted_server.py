"""The server's life, its records, and how tests wait without sleeping."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from agentic_prefect.testing import Fault, NotInTime, Reply, ScriptedRequest, ScriptedServer

HTTP = httpx.Client(verify=False, timeout=10)
"""Plain HTTP only; reading no certificates makes it cheap."""


def body(text: str = "Hello") -> dict[str, Any]:
    """A chat request."""
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def ask(server: ScriptedServer, text: str = "Hello") -> httpx.Response:
    """One bare chat request."""
    return HTTP.post(f"{server.base_url}/chat/completions", json=body(text))


def content(response: httpx.Response) -> str:
    """What the model said."""
    return response.json()["choices"][0]["message"]["content"]


def server_threads() -> int:
    """How many servers run in this process."""
    return [thread.name for thread in threading.enumerate()].count("scripted-server")


def settle(server: ScriptedServer) -> None:
    """Return when the server has done everything that was due before this call."""
    HTTP.get(f"{server.url}/health")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for clients that have to wait."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_start_and_stop_are_quick() -> None:
    """A server starts and stops in well under 0.2 s, with a connection open and a request unanswered."""
    before = server_threads()
    started = time.perf_counter()
    server = ScriptedServer().start()
    start_s = time.perf_counter() - started
    server.on(None, Fault.hang())
    with ThreadPoolExecutor(1) as pool:
        HTTP.get(f"{server.url}/health")
        hung = pool.submit(ask, server)
        server.wait_for_requests(1)

        stopping = time.perf_counter()
        server.stop()
        stop_s = time.perf_counter() - stopping

        with pytest.raises(httpx.TransportError):
            hung.result()

    # Far less than the time after which anybody would give up on a request that hangs.
    assert start_s < 5
    assert stop_s < 5
    assert server_threads() == before


def test_a_stopped_server_is_gone_and_can_start_again() -> None:
    """Nobody listens after a stop; a second start listens anew with the records of the first."""
    with ScriptedServer() as server:
        ask(server)
        url = server.url
    with pytest.raises(httpx.ConnectError):
        HTTP.get(f"{url}/health")

    with server:
        assert ask(server).status_code == 200

    assert server.count == 2


def test_a_taken_port_is_said() -> None:
    """Two servers on one port is an error of the second one."""
    with ScriptedServer() as server, pytest.raises(OSError, match="address already in use"):
        ScriptedServer(port=int(server.url.rsplit(":", 1)[1])).start()


def test_no_address_before_the_start() -> None:
    """An address that is asked for too early is an error that says what to do."""
    with pytest.raises(RuntimeError, match="Start it: `with ScriptedServer"):
        _ = ScriptedServer().base_url


def test_health(server: ScriptedServer) -> None:
    """The server says that it is there, without counting it as a request."""
    assert HTTP.get(f"{server.url}/health").json() == {"status": "ok"}
    assert server.count == 0


def test_the_record_of_a_request(server: ScriptedServer) -> None:
    """A record has what was asked, when, and how it was answered."""
    before = time.monotonic()
    ask(server, "Where is it warm?")

    [record] = server.requests

    assert (record.number, record.api, record.model, record.path) == (1, "chat", "m", "/v1/chat/completions")
    assert record.prompt_text == "Where is it warm?"
    assert record.body == body("Where is it warm?")
    assert record.status == 200
    assert record.answered_at is not None
    assert before < record.received_at < record.answered_at < time.monotonic()


def test_requests_matching(server: ScriptedServer) -> None:
    """The records of one task can be picked by a word in its prompt."""
    for text in ("search a", "write", "search b"):
        ask(server, text)

    assert [request.prompt_text for request in server.requests_matching("search")] == ["search a", "search b"]


def test_answers_in_turn(server: ScriptedServer) -> None:
    """A rule with a fault and a reply fails first and then answers."""
    server.on("Hello", Fault.rate_limited(1), Reply.text("hi"))

    assert [ask(server).status_code for _ in range(3)] == [429, 200, 200]


def test_a_function_answers(server: ScriptedServer) -> None:
    """An answer can be computed from the request."""

    def answer(request: ScriptedRequest) -> Reply:
        return Reply.text(f"{request.number}: {request.prompt_text.upper()}")

    server.on(None, answer)

    assert [content(ask(server, text)) for text in ("a", "b")] == ["1: A", "2: B"]


def test_a_function_that_raises_is_a_client_error(server: ScriptedServer) -> None:
    """A bug in the script is said to the client at once, and is not tried again."""

    def answer(request: ScriptedRequest) -> Reply:
        raise KeyError(request.model)

    server.on(None, answer)

    response = ask(server)

    assert response.status_code == 400
    assert response.json()["error"]["message"] == "The script's answer function raised KeyError('m')."


def test_a_function_that_returns_something_else(server: ScriptedServer) -> None:
    """A function that forgets to build an answer is said, too."""
    text: Any = "hi"
    server.on(None, lambda _: text)

    assert ask(server).json()["error"]["message"] == "The script's answer function returned no answer but 'hi'."


def test_held_requests_wait_for_release(server: ScriptedServer, pool: ThreadPoolExecutor) -> None:
    """Held requests are all in flight at once, and go in the order in which they came."""
    server.on(None, Reply.hold())
    clients = [pool.submit(ask, server, str(number)) for number in range(3)]
    server.wait_for_requests(3)
    assert (server.in_flight, server.max_in_flight) == (3, 3)

    server.release(1)
    server.wait_until(lambda tally: tally.answered >= 1)
    settle(server)
    assert [request.is_answered for request in server.requests] == [True, False, False]

    server.release()
    assert [client.result().status_code for client in clients] == [200, 200, 200]
    assert (server.in_flight, server.max_in_flight) == (0, 3)


def test_a_computed_answer_can_be_held(server: ScriptedServer, pool: ThreadPoolExecutor) -> None:
    """A release right after the arrival finds a request whose answer is still to be computed."""
    server.on(None, lambda _: Reply.text("late").on_hold())
    client = pool.submit(ask, server)
    server.wait_for_requests(1)

    server.release(1)

    assert content(client.result()) == "late"


def test_a_release_is_not_used_up_by_what_is_not_held(server: ScriptedServer, pool: ThreadPoolExecutor) -> None:
    """A request with a computed answer that turned out not to be held does not count among the held ones."""
    server.on("first", lambda _: Fault.hang())
    server.on("second", Reply.hold())
    pool.submit(ask, server, "first")
    server.wait_for_requests(1)
    settle(server)
    held = pool.submit(ask, server, "second")
    server.wait_for_requests(2)

    server.release(1)

    assert held.result().status_code == 200
    server.reset()


def test_a_release_is_for_those_that_wait(server: ScriptedServer, pool: ThreadPoolExecutor) -> None:
    """A request that comes after a release is held again."""
    server.on(None, Reply.hold())
    server.release()
    client = pool.submit(ask, server)
    server.wait_for_requests(1)
    assert server.in_flight == 1

    server.release()
    assert client.result().status_code == 200


async def test_the_most_in_flight_is_counted(server: ScriptedServer) -> None:
    """What a client's own limit lets through at once is what the server saw at once."""
    server.on(None, Reply.echo().delayed(0.01))
    limit = asyncio.Semaphore(3)

    async def one(client: httpx.AsyncClient) -> None:
        async with limit:
            await client.post(f"{server.base_url}/chat/completions", json=body())

    async with httpx.AsyncClient(verify=False) as client:
        await asyncio.gather(*(one(client) for _ in range(9)))

    assert (server.count, server.max_in_flight) == (9, 3)


async def test_waiting_in_a_loop(server: ScriptedServer) -> None:
    """Code in an event loop waits for requests without blocking the loop that sends them."""
    server.on(None, Reply.hold())
    async with openai.AsyncOpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client:
        asked = asyncio.create_task(client.responses.create(model="m", input="Hello"))
        await server.wait_for_requests_async(1)
        server.release()
        await asked
        await server.wait_until_async(lambda tally: tally.in_flight == 0)

    assert server.requests[0].api == "responses"


def test_waiting_in_vain_says_what_was_seen(server: ScriptedServer) -> None:
    """A wait that runs out names what came, and what to look at."""
    ask(server)

    with pytest.raises(NotInTime) as caught:
        server.wait_for_requests(2, timeout_s=0.01)

    expected = "Waited 0.01 s for 2 requests, in vain: 1 requests arrived, 1 were answered, 0 are in flight."
    assert str(caught.value).startswith(expected)
    assert "`base_url`" in str(caught.value)


async def test_waiting_in_vain_in_a_loop(server: ScriptedServer) -> None:
    """The same holds in an event loop."""
    with pytest.raises(NotInTime, match=r"Waited 0\.01 s for a condition"):
        await server.wait_until_async(lambda tally: tally.count > 5, timeout_s=0.01)


def test_a_client_that_goes_away_ends_its_request(server: ScriptedServer) -> None:
    """A request whose client gave up is not in flight any more, and was never answered."""
    server.on(None, Reply.hold())

    with pytest.raises(httpx.ReadTimeout):
        HTTP.post(f"{server.base_url}/chat/completions", json=body(), timeout=httpx.Timeout(60, read=0.5))

    server.wait_until(lambda tally: tally.count == 1 and tally.in_flight == 0)
    assert (server.requests[0].status, server.requests[0].answered_at) == (None, None)


def test_reset_forgets_and_drops(server: ScriptedServer, pool: ThreadPoolExecutor) -> None:
    """A reset empties rules and records, and closes the connection of a request that hangs."""
    server.on(None, Fault.hang())
    hung = pool.submit(ask, server)
    server.wait_for_requests(1)

    server.reset()

    with pytest.raises(httpx.TransportError):
        hung.result()
    assert (server.requests, server.count, server.in_flight, server.max_in_flight) == ((), 0, 0, 0)
    assert ask(server).status_code == 200
    assert server.requests[0].number == 1


def test_a_reset_leaves_idle_connections_open(server: ScriptedServer) -> None:
    """A client that keeps its connection over a reset can go on using it."""
    with httpx.Client(verify=False) as client:
        client.get(f"{server.url}/health")
        server.reset()
        first = client.get(f"{server.url}/health").extensions["network_stream"].get_extra_info("client_addr")
        second = client.get(f"{server.url}/health").extensions["network_stream"].get_extra_info("client_addr")

    assert first == second


def test_the_pace_of_a_stream(server: ScriptedServer) -> None:
    """The events of a paced stream come one by one."""
    server.on(None, Reply.text("a b c d").model_copy(update={"pace_s": 0.01}))
    url = f"{server.base_url}/chat/completions"

    with HTTP.stream("POST", url, json={**body(), "stream": True}) as response:
        pieces = [time.monotonic() for piece in response.iter_raw() if piece]

    assert len(pieces) >= 6
    assert pieces[-1] - pieces[0] >= 0.04


def test_headers_of_a_reply(server: ScriptedServer) -> None:
    """A reply can carry further headers, and every response has a request id."""
    server.on(None, Reply.text("hi").model_copy(update={"headers": {"x-ratelimit-remaining-requests": "0"}}))

    headers = ask(server).headers

    assert (headers["x-ratelimit-remaining-requests"], headers["x-request-id"]) == ("0", "req_1")
