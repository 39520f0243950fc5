"""The contract of the port `ChatModel`, held by the scripted model in process and by the adapter over HTTP alike."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from pydantic import SecretStr

from agentic_prefect.errors import (
    AgenticError,
    AuthenticationFailed,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    InvalidOutput,
    InvalidRequest,
    Overloaded,
    PermissionRefused,
    RateLimited,
    Refused,
    RetryableError,
    ServerFault,
    TimedOut,
)
from agentic_prefect.llm.openai_model import OpenAIModel
from agentic_prefect.models.chat import ChatRequest, Message, OutputSchema
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.usage import Usage
from agentic_prefect.ports import ChatModel
from agentic_prefect.testing import (
    Fault,
    Match,
    Reply,
    ReportedUsage,
    ScriptedChatModel,
    ScriptedRequest,
    ScriptedServer,
)
from agentic_prefect.testing.script import Answer
from agentic_prefect.testing.scripted import Scripted

SCHEMA = OutputSchema(
    name="place",
    json_schema={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)


def request(text: str = "Where is it warm?", **fields: object) -> ChatRequest:
    """A request with a system message and this question."""
    messages = (Message(role="system", content="Be brief."), Message(role="user", content=text))
    return ChatRequest.model_validate({"model": "gpt-test", "messages": messages, **fields})


@dataclass(frozen=True)
class Pair:
    """A model and the script it answers from."""

    model: ChatModel
    script: Scripted


@pytest.fixture(params=["in_process", "chat", "responses"])
async def pair(
    request: pytest.FixtureRequest, scripted_model: ScriptedChatModel, scripted_server: ScriptedServer
) -> AsyncIterator[Pair]:
    """Each implementation of the port, with its script."""
    if request.param == "in_process":
        yield Pair(scripted_model, scripted_model)
        return
    connection = Connection(base_url=scripted_server.base_url, api=request.param, api_key=SecretStr("sk-test"))
    async with httpx.AsyncClient(verify=False, timeout=None) as http_client:  # reads no certificates, which is slow
        yield Pair(OpenAIModel(connection, name="test", http_client=http_client), scripted_server)


async def test_it_is_a_chat_model(pair: Pair) -> None:
    """It can stand wherever the port is asked for."""
    assert isinstance(pair.model, ChatModel)


async def test_a_reply_is_a_response(pair: Pair) -> None:
    """Text, model, finish reason and usage come as the port has them; the cost is unknown."""
    usage = ReportedUsage(input_tokens=156, output_tokens=264, cached_tokens=128)
    pair.script.on("warm", Reply.text("In Lisbon.", usage=usage))

    response = await pair.model.complete(request())

    assert (response.text, response.model, response.finish_reason) == ("In Lisbon.", "gpt-test", "stop")
    assert response.usage == Usage(input_tokens=156, output_tokens=264, cached_tokens=128, calls=1, cost_usd=None)


async def test_a_schema_is_echoed(pair: Pair) -> None:
    """Without a rule, a requested schema gets an instance of it, and tokens are counted by bytes."""
    response = await pair.model.complete(request(output=SCHEMA))

    assert response.text == '{"city":"city"}'
    assert (response.usage.input_tokens, response.usage.output_tokens) == (7, 4)


async def test_the_prompt_in_the_record(pair: Pair) -> None:
    """Rules and records see the same text of a request, whichever way it came."""
    await pair.model.complete(request(output=SCHEMA))

    [record] = pair.script.requests
    assert record.prompt_text == "Be brief.\nWhere is it warm?"
    assert (record.number, record.model, record.output_schema) == (1, "gpt-test", SCHEMA.json_schema)
    assert record.is_answered


async def test_a_cut_text_is_an_answer(pair: Pair) -> None:
    """Free text that ran into the limit is a response whose finish reason tells it."""
    pair.script.on(None, Reply.text("In Lis").model_copy(update={"finish": "length"}))

    response = await pair.model.complete(request())

    assert (response.text, response.finish_reason) == ("In Lis", "length")


async def test_cut_json_is_no_answer(pair: Pair) -> None:
    """JSON that ran into the limit is an error that keeps what there is of it."""
    pair.script.on(None, Fault.truncated_json())

    with pytest.raises(InvalidOutput) as caught:
        await pair.model.complete(request(output=SCHEMA))

    assert caught.value.answer == '{"city"'
    assert caught.value.usage == Usage(input_tokens=7, output_tokens=2, calls=1, cost_usd=None)


@dataclass(frozen=True)
class Case:
    """A fault and the error that it is."""

    id: str
    fault: Answer
    error: type[AgenticError]
    words: str


CASES = [
    Case("rate limit", Fault.rate_limited(), RateLimited, "Rate limit reached"),
    Case("no credit", Fault.insufficient_quota(), PermissionRefused, "exceeded your current quota"),
    Case("key", Fault.wrong_key(), AuthenticationFailed, "Incorrect API key"),
    Case("payment", Fault.status(402), PermissionRefused, "Invalid request"),
    Case("permission", Fault.permission(), PermissionRefused, "not allowed"),
    Case("context", Fault.context_length(), ContextTooLong, "maximum context length"),
    Case("too large", Fault.status(413), ContextTooLong, "too large"),
    Case("filtered prompt", Fault.prompt_filtered(), ContentFiltered, "content management policy"),
    Case("filtered answer", Fault.content_filter(), ContentFiltered, "filter stopped the answer"),
    Case("model", Fault.model_not_found("gpt-9"), InvalidRequest, "`gpt-9` does not exist"),
    Case("request", Fault.status(400), InvalidRequest, "Invalid request"),
    Case("unprocessable", Fault.status(422), InvalidRequest, "could not be processed"),
    Case("lock", Fault.status(409), ServerFault, "Invalid request"),
    Case("server", Fault.server_error(), ServerFault, "had an error"),
    Case("not implemented", Fault.server_error(501), InvalidRequest, "had an error"),
    Case("gateway", Fault.server_error(502), ServerFault, "had an error"),
    Case("overloaded", Fault.overloaded(), Overloaded, "currently overloaded"),
    Case("overloaded elsewhere", Fault.overloaded(529), Overloaded, "Overloaded"),
    Case("request timeout", Fault.status(408), TimedOut, "timed out"),
    Case("drop", Fault.drop(), ConnectionLost, ""),
    Case("drop in the middle", Fault.drop("half"), ConnectionLost, ""),
    Case("malformed", Fault.malformed_body(), ServerFault, "JSON"),
    Case("stream error", Fault.stream_error(), ServerFault, "had an error"),
    Case("refusal", Fault.refusal("I will not."), Refused, "I will not."),
    Case("empty", Fault.empty(), InvalidOutput, "is empty"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_a_fault_is_an_error(case: Case, pair: Pair) -> None:
    """Each fault is one error of ours, which says what happened and counts the call."""
    pair.script.on(None, case.fault)

    with pytest.raises(case.error) as caught:
        await pair.model.complete(request())

    assert type(caught.value) is case.error
    assert case.words in str(caught.value)
    assert caught.value.usage is not None
    assert caught.value.usage.calls == 1


@pytest.mark.parametrize("form", ["seconds", "milliseconds"])
@pytest.mark.parametrize("status", [429, 503])
async def test_the_wait_is_on_the_error(form: str, status: int, pair: Pair) -> None:
    """The seconds that the provider asks to wait stand on the error."""
    pair.script.on(None, Fault.status(status, retry_after_s=2.5, retry_after_form=form))

    with pytest.raises(RetryableError) as caught:
        await pair.model.complete(request())

    assert caught.value.retry_after_s == 2.5


async def test_what_a_refusal_consumed_is_counted(pair: Pair) -> None:
    """A refused answer was paid for, so its error carries the usage."""
    pair.script.on(None, Fault.refusal("I will not."))

    with pytest.raises(Refused) as caught:
        await pair.model.complete(request())

    assert caught.value.usage == Usage(input_tokens=7, output_tokens=3, calls=1, cost_usd=None)


@pytest.mark.parametrize("slow", [Fault.hang(), Reply.echo().delayed(60), Reply.hold()], ids=["hang", "delay", "hold"])
async def test_a_late_answer_times_out(slow: Answer, pair: Pair) -> None:
    """What does not come within the request's time is a timeout, and is not in flight any more."""
    pair.script.on(None, Reply.echo(), slow)
    await pair.model.complete(request("This one opens the connection."))

    with pytest.raises(TimedOut, match=r"within 1 s\."):
        await pair.model.complete(request(timeout_s=1))

    await pair.script.wait_until_async(lambda tally: tally.in_flight == 0)
    assert [asked.is_answered for asked in pair.script.requests] == [True, False]


async def test_cancellation_passes_through(pair: Pair) -> None:
    """A cancelled caller is cancelled, and its request is over."""
    pair.script.on(None, Fault.hang())
    asked = asyncio.ensure_future(pair.model.complete(request()))
    await pair.script.wait_for_requests_async(1)

    asked.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asked
    await pair.script.wait_until_async(lambda tally: tally.in_flight == 0)


async def test_held_requests_wait_for_release(pair: Pair) -> None:
    """Held requests are in flight together and go in the order in which they came."""
    pair.script.on("free", Reply.echo())
    pair.script.on(None, Reply.hold())
    asked = [asyncio.ensure_future(pair.model.complete(request(str(number)))) for number in range(3)]
    await pair.script.wait_for_requests_async(3)
    assert (pair.script.in_flight, pair.script.max_in_flight) == (3, 3)

    pair.script.release(1)
    await pair.script.wait_until_async(lambda tally: tally.answered >= 1)
    await pair.model.complete(request("free"))
    assert [request.is_answered for request in pair.script.requests] == [True, False, False, True]

    pair.script.release()
    assert len(await asyncio.gather(*asked)) == 3


async def test_a_function_answers(pair: Pair) -> None:
    """An answer can be computed from the request; what the function raises is an error that nobody tries again."""

    def answer(asked: ScriptedRequest) -> Reply:
        return Reply.text(str(10 // (asked.number - 1)))

    pair.script.on(Match(model="gpt-test"), answer)

    with pytest.raises(InvalidRequest, match="raised ZeroDivisionError"):
        await pair.model.complete(request())
    assert (await pair.model.complete(request())).text == "10"


async def test_a_thousand_calls_are_quick(scripted_model: ScriptedChatModel) -> None:
    """In process a call costs far less than a millisecond, so that large plans can be tested."""
    started = time.process_time()

    for _ in range(1000):
        await scripted_model.complete(request())

    assert scripted_model.count == 1000
    assert time.process_time() - started < 5
