"""Every way in which a provider fails, as OpenAI's own client meets it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import openai
import pytest

from agentic_prefect.testing import Fault, ScriptedServer
from agentic_prefect.testing.script import Answer

Ask = Callable[..., Any]
MESSAGES: list[Any] = [{"role": "user", "content": "Where is it warm?"}]
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


@pytest.fixture(params=["chat", "responses"])
def ask(request: pytest.FixtureRequest, client: openai.OpenAI) -> Ask:
    """One request, by either API."""

    def chat(**fields: Any) -> Any:
        return client.chat.completions.create(model="gpt-test", messages=MESSAGES, **fields)

    def responses(**fields: Any) -> Any:
        return client.responses.create(model="gpt-test", input="Where is it warm?", **fields)

    return chat if request.param == "chat" else responses


@dataclass(frozen=True)
class Case:
    """A fault and what the client makes of it."""

    id: str
    fault: Answer
    error: type[openai.APIStatusError]
    status: int
    code: str | None
    type: str
    words: str


INVALID = "invalid_request_error"
CASES = [
    Case(
        "rate limit", Fault.rate_limited(), openai.RateLimitError, 429, "rate_limit_exceeded", "requests", "Rate limit"
    ),
    Case(
        "no credit",
        Fault.insufficient_quota(),
        openai.RateLimitError,
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota",
    ),
    Case("a bad request", Fault.status(400), openai.BadRequestError, 400, None, INVALID, "Invalid request."),
    Case(
        "a wrong key", Fault.wrong_key(), openai.AuthenticationError, 401, "invalid_api_key", INVALID, "Incorrect API"
    ),
    Case(
        "no permission", Fault.permission(), openai.PermissionDeniedError, 403, "model_not_allowed", INVALID, "allowed"
    ),
    Case(
        "no such model",
        Fault.model_not_found("gpt-9"),
        openai.NotFoundError,
        404,
        "model_not_found",
        INVALID,
        "The model `gpt-9` does not exist",
    ),
    Case(
        "a long prompt",
        Fault.context_length(4096),
        openai.BadRequestError,
        400,
        "context_length_exceeded",
        INVALID,
        "maximum context length is 4096 tokens",
    ),
    Case(
        "a filtered prompt", Fault.prompt_filtered(), openai.BadRequestError, 400, "content_filter", INVALID, "filtered"
    ),
    Case(
        "no schemas",
        Fault.schema_refused(),
        openai.BadRequestError,
        400,
        None,
        INVALID,
        "'json_schema' is not supported",
    ),
    Case("a server error", Fault.server_error(), openai.InternalServerError, 500, None, "server_error", "had an error"),
    Case(
        "a gateway error",
        Fault.server_error(502),
        openai.InternalServerError,
        502,
        None,
        "server_error",
        "had an error",
    ),
    Case(
        "overloaded",
        Fault.overloaded(),
        openai.InternalServerError,
        503,
        "overloaded",
        "service_unavailable_error",
        "currently overloaded",
    ),
    Case(
        "overloaded elsewhere",
        Fault.overloaded(529),
        openai.InternalServerError,
        529,
        "overloaded",
        "overloaded_error",
        "Overloaded",
    ),
    Case(
        "own words",
        Fault.status(418, message="Short and stout", code="teapot", error_type="pot"),
        openai.APIStatusError,
        418,
        "teapot",
        "pot",
        "Short and stout",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_status(case: Case, ask: Ask, server: ScriptedServer) -> None:
    """An HTTP error has OpenAI's body, so that the client raises its own error with type, code and message."""
    server.on(None, case.fault)

    with pytest.raises(case.error) as caught:
        ask()

    error = caught.value
    assert (error.status_code, error.code, error.type) == (case.status, case.code, case.type)
    assert case.words in error.message


WAITS = [
    (Fault.rate_limited(2), "retry-after", "2"),
    (Fault.rate_limited(0.25), "retry-after", "0.25"),
    (Fault.overloaded(retry_after_s=30), "retry-after", "30"),
    (Fault.rate_limited(1.5, retry_after_form="milliseconds"), "retry-after-ms", "1500"),
]


@pytest.mark.parametrize(("fault", "name", "value"), WAITS, ids=lambda value: str(value)[:12])
def test_retry_after(fault: Answer, name: str, value: str, ask: Ask, server: ScriptedServer) -> None:
    """The wait that the script asks for is in the header, in the form that it asks for."""
    server.on(None, fault)

    with pytest.raises(openai.APIStatusError) as caught:
        ask()

    assert caught.value.response.headers[name] == value


def test_retry_after_as_a_date(ask: Ask, server: ScriptedServer) -> None:
    """A wait can be an HTTP date, counted from the moment of the answer."""
    server.on(None, Fault.rate_limited(90, retry_after_form="date"))

    with pytest.raises(openai.RateLimitError) as caught:
        ask()

    date = caught.value.response.headers["retry-after"]
    until = parsedate_to_datetime(date)
    assert date.endswith(" GMT")
    assert until.timestamp() - time.time() == pytest.approx(90, abs=2)


def test_no_wait_is_asked_for_unless_scripted(ask: Ask, server: ScriptedServer) -> None:
    """A bare rate limit has no header about waiting."""
    server.on(None, Fault.rate_limited())

    with pytest.raises(openai.RateLimitError) as caught:
        ask()

    assert not {"retry-after", "retry-after-ms"} & set(caught.value.response.headers)


def test_a_proxy_page_in_place_of_the_body(ask: Ask, server: ScriptedServer) -> None:
    """An error can have a body that is no JSON at all, as proxies send it."""
    server.on(None, Fault.status(502, body="<html>Bad Gateway</html>"))

    with pytest.raises(openai.InternalServerError) as caught:
        ask()

    assert caught.value.response.text == "<html>Bad Gateway</html>"
    assert caught.value.code is None


@pytest.mark.parametrize("sent", ["nothing", "head", "half"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_drop(sent: Any, stream: bool, ask: Ask, server: ScriptedServer) -> None:
    """A connection that closes too early is a connection error, at whatever point it closes."""
    server.on(None, Fault.drop(sent))

    with pytest.raises(openai.APIConnectionError):
        list(ask(stream=stream))

    server.wait_until(lambda tally: tally.in_flight == 0)
    assert not server.requests[0].is_answered
    assert server.requests[0].status == (None if sent == "nothing" else 200)


@pytest.mark.parametrize("sent", ["nothing", "head", "half"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_hang(sent: Any, stream: bool, ask: Ask, server: ScriptedServer) -> None:
    """An answer that never comes runs into the client's timeout, and is over when the client goes away."""
    server.on(None, Fault.hang(sent))

    with pytest.raises((openai.APITimeoutError, httpx.ReadTimeout)):
        list(ask(stream=stream, timeout=0.5))

    server.wait_until(lambda tally: tally.count == 1 and tally.in_flight == 0)
    assert not server.requests[0].is_answered


def test_half_a_stream_arrives_before_it_breaks(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A stream that breaks in its middle has brought its first events."""
    server.on(None, Fault.drop("half"))
    stream = client.chat.completions.create(model="gpt-test", messages=MESSAGES, stream=True)

    assert next(stream).choices[0].delta.role == "assistant"
    with pytest.raises(openai.APIConnectionError):
        list(stream)


def test_malformed_body(server: ScriptedServer) -> None:
    """A broken body comes with status 200 and the type of JSON."""
    server.on(None, Fault.malformed_body())

    answer = httpx.post(
        verify=False, url=f"{server.base_url}/chat/completions", json={"model": "m", "messages": MESSAGES}
    )

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    with pytest.raises(ValueError, match="Unterminated string"):
        answer.json()


def test_malformed_event(ask: Ask, server: ScriptedServer) -> None:
    """In a stream one event is not JSON."""
    server.on(None, Fault.malformed_body())

    with pytest.raises(ValueError, match="Unterminated string"):
        list(ask(stream=True))


def test_stream_error_in_chat(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A chat stream breaks off with an error object, which the client raises."""
    server.on(None, Fault.stream_error())

    with pytest.raises(openai.APIError, match="The server had an error"):
        list(client.chat.completions.create(model="gpt-test", messages=MESSAGES, stream=True))


def test_stream_error_in_responses(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A stream of the Responses API breaks off with an error event, in sequence."""
    server.on(None, Fault.stream_error())

    *before, last = client.responses.create(model="gpt-test", input="Where?", stream=True)

    assert last.type == "error"
    assert (last.code, last.sequence_number) == ("server_error", len(before))


def test_stream_error_without_a_stream(ask: Ask, server: ScriptedServer) -> None:
    """The same fault is an HTTP 500 when nothing is streamed."""
    server.on(None, Fault.stream_error())

    with pytest.raises(openai.InternalServerError, match="The server had an error"):
        ask()


CONTENTS = [(Fault.truncated_json(), '{"a":"a"', "length"), (Fault.breaks_schema(), '{"b":"b"}', "stop")]


@pytest.mark.parametrize(("fault", "content", "finish"), CONTENTS, ids=["truncated", "breaks_schema"])
def test_broken_content(
    fault: Answer, content: str, finish: str, server: ScriptedServer, client: openai.OpenAI
) -> None:
    """The model's own JSON can be cut off, or lack what the schema requires."""
    server.on(None, fault)
    form: Any = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}

    answer = client.chat.completions.create(model="gpt-test", messages=MESSAGES, response_format=form)

    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (content, finish)


def test_a_fault_can_come_late(ask: Ask, server: ScriptedServer) -> None:
    """A delayed fault takes at least its time."""
    server.on(None, Fault.server_error().delayed(0.05))

    with pytest.raises(openai.InternalServerError):
        ask()

    [record] = server.requests
    assert record.answered_at is not None
    assert record.answered_at - record.received_at >= 0.05
