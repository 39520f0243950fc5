"""The model adapter against a scripted server over HTTP."""

import asyncio
import json
import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

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
    ServerFault,
    TimedOut,
)
from agentic_prefect.llm.openai_model import OpenAIModel
from agentic_prefect.llm.structured import parse_answer
from agentic_prefect.models.chat import Message, ModelSettings, OutputSchema
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.usage import Usage
from agentic_prefect.testing import Fault, Match, Reply, ReportedUsage, Rule, Script, ScriptedRequest, ScriptedServer
from agentic_prefect.testing.script import Answer, Text
from tests.llm.conftest import MakeModel, ask

Api = Literal["chat", "responses"]
APIS: tuple[Api, ...] = ("chat", "responses")
KEY = "sk-secret-0123456789abcdef"

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
PERSON = OutputSchema(name="person", json_schema=SCHEMA)
NAMES = OutputSchema(name="names", json_schema={"type": "array", "items": {"type": "string"}})


@pytest.mark.parametrize("api", APIS)
async def test_text(api: Api, scripted_server: ScriptedServer, make_model: MakeModel) -> None:  # L-29, L-31, A-05
    """The conversation goes out, the text and what it took come back."""
    usage = ReportedUsage(input_tokens=12, output_tokens=3, cached_tokens=8)
    scripted_server.on("capital of France", Reply.text("Paris", usage=usage))
    request = ask("What is the capital of France?")
    request = request.model_copy(update={"messages": (Message(role="system", content="Be brief."), *request.messages)})
    response = await make_model(api=api).complete(request)

    assert (response.text, response.model, response.finish_reason) == ("Paris", "gpt-5-mini", "stop")
    assert response.usage == Usage(input_tokens=12, output_tokens=3, cached_tokens=8, calls=1, cost_usd=None)
    assert scripted_server.requests[0].prompt_text == "Be brief.\nWhat is the capital of France?"


@pytest.mark.parametrize("output", [PERSON, NAMES], ids=["object", "list"])
@pytest.mark.parametrize("api", APIS)
async def test_schema(
    api: Api, output: OutputSchema, scripted_server: ScriptedServer, make_model: MakeModel
) -> None:  # L-29
    """An answer has the task's own form, whatever form the API wants."""
    response = await make_model(api=api).complete(ask(output=output))

    assert parse_answer(response.text, output.json_schema)
    assert scripted_server.count == 1


@dataclass(frozen=True)
class Outcome:
    """An answer of the server, and what the caller gets."""

    id: str
    answer: Answer
    error: type[AgenticError]
    message: str
    retry_after_s: float | None = None


OUTCOMES = [
    Outcome(
        "bad request", Fault.status(400, message="Unknown parameter: 'x'."), InvalidRequest, "Unknown parameter: 'x'"
    ),
    Outcome(
        "wrong key", Fault.wrong_key(), AuthenticationFailed, "Check the key in the environment variable 'MY_KEY'."
    ),
    Outcome("no permission", Fault.permission(), PermissionRefused, "HTTP 403"),
    Outcome("no such model", Fault.model_not_found(), InvalidRequest, "`gpt-none` does not exist"),
    Outcome("context", Fault.context_length(), ContextTooLong, "Shorten the input"),
    Outcome("filtered prompt", Fault.prompt_filtered(), ContentFiltered, "content management policy"),
    Outcome("request timeout", Fault.status(408), TimedOut, "HTTP 408"),
    Outcome("conflict", Fault.status(409), ServerFault, "HTTP 409"),
    Outcome("rate limit", Fault.rate_limited(), RateLimited, "Rate limit reached"),
    Outcome("rate limit, seconds", Fault.rate_limited(2.5), RateLimited, "429", 2.5),
    Outcome("rate limit, date", Fault.rate_limited(60, retry_after_form="date"), RateLimited, "429", 60),
    Outcome("rate limit, ms", Fault.rate_limited(0.3, retry_after_form="milliseconds"), RateLimited, "429", 0.3),
    Outcome("no credit", Fault.insufficient_quota(), PermissionRefused, "There is no credit left"),
    Outcome("server", Fault.server_error(), ServerFault, "HTTP 500 (server_error)"),
    Outcome("bad gateway", Fault.status(502, body="<h1>Bad gateway</h1>"), ServerFault, "<h1>Bad gateway</h1>"),
    Outcome("overloaded", Fault.overloaded(503, 4), Overloaded, "HTTP 503", 4),
    Outcome("overloaded elsewhere", Fault.overloaded(529), Overloaded, "HTTP 529"),
    Outcome("gateway timeout", Fault.status(504), ServerFault, "HTTP 504"),
    Outcome("dropped", Fault.drop(), ConnectionLost, "broke off before the answer was there"),
    Outcome("dropped after the head", Fault.drop("head"), ConnectionLost, "broke off"),
    Outcome("dropped half way", Fault.drop("half"), ConnectionLost, "broke off"),
    Outcome("hangs", Fault.hang(), TimedOut, "did not answer within 2 s"),
    Outcome("hangs half way", Fault.hang("half"), TimedOut, "did not answer within 2 s"),
    Outcome("bad JSON", Fault.malformed_body(), ServerFault, "something that is no JSON object"),
    Outcome("refusal", Fault.refusal("I won't."), Refused, "gpt-5-mini (scripted) declined to answer: I won't."),
    Outcome("filtered answer", Fault.content_filter("He"), ContentFiltered, "stopped the answer of gpt-5-mini"),
    Outcome("cut off", Fault.truncated_json(), InvalidOutput, "was cut off after"),
    Outcome("empty", Fault.empty(), InvalidOutput, "is empty"),
]


@pytest.mark.parametrize("case", OUTCOMES, ids=lambda case: case.id)
@pytest.mark.parametrize("api", APIS)
async def test_typed_outcomes(api: Api, case: Outcome, scripted_server: ScriptedServer) -> None:  # L-29, L-31, L-32
    """Whatever goes wrong is one of our errors: asked once, counted, picklable, with the wait that was asked for."""
    scripted_server.on(None, case.answer)
    connection = Connection(base_url=scripted_server.base_url, api=api, api_key_env="MY_KEY", api_key=SecretStr(KEY))
    model = OpenAIModel(connection, name="scripted")
    short = 2 if case.error is TimedOut and "HTTP" not in case.message else 10
    with pytest.raises(case.error) as caught:
        await model.complete(ask(output=PERSON, timeout_s=short))
    await model.aclose()
    error = pickle.loads(pickle.dumps(caught.value))

    assert case.message in str(error)
    assert getattr(error, "retry_after_s", None) == pytest.approx(case.retry_after_s, abs=1.5)
    assert (error.usage.calls, scripted_server.count) == (1, 1)


@pytest.mark.parametrize("case", OUTCOMES, ids=lambda case: case.id)
async def test_no_key_and_nothing_of_the_sdk_in_errors(case: Outcome, scripted_server: ScriptedServer) -> None:
    """An error shows no key and drags no request along, not even as its cause."""
    scripted_server.on(None, case.answer)
    model = OpenAIModel(Connection(base_url=scripted_server.base_url, api_key=SecretStr(KEY)), name="scripted")
    with pytest.raises(AgenticError) as caught:
        await model.complete(ask(output=PERSON, timeout_s=0.2))
    await model.aclose()

    assert KEY not in repr(caught.value) + str(caught.value) + repr(model)
    assert caught.value.__cause__ is None


async def test_usage_of_an_answer_that_is_no_use(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """A refusal was paid for, so its error says what it took."""
    usage = ReportedUsage(input_tokens=50, output_tokens=6)
    refusal = Fault.refusal().model_copy(update={"usage": usage})
    scripted_server.on(None, refusal)
    with pytest.raises(Refused) as caught:
        await make_model().complete(ask())

    assert caught.value.usage == Usage(input_tokens=50, output_tokens=6, calls=1, cost_usd=None)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", APIS)
async def test_lone_surrogates_are_replaced(
    api: Api, stream: bool, scripted_server: ScriptedServer, make_model: MakeModel
) -> None:
    """Half an emoji in a text or in a value of JSON, which no file or server takes, is U+FFFD; a whole one stays."""
    scripted_server.queue([Reply.text("Hi \ud83d, 😀"), Reply.text(r'{"name": "Ada \ud83d \ud83d\ude00", "age": 36}')])
    model = make_model(api=api, stream=stream)
    text = await model.complete(ask())
    value = await model.complete(ask(output=PERSON))

    assert text.text == "Hi \ufffd, 😀"
    assert parse_answer(value.text, SCHEMA) == {"name": "Ada \ufffd 😀", "age": 36}


async def test_a_pair_of_surrogates_may_be_split() -> None:
    """An emoji whose halves come in two pieces of a stream is heard and answered whole."""
    deltas = [{"content": "Well \ud83d"}, {"content": "\ude00 done \ud83d"}]
    choices = [{"delta": deltas[0]}, {"delta": deltas[1]}, {"delta": {}, "finish_reason": "stop"}]
    events = "".join(f"data: {json.dumps({'choices': [choice]})}\n\n" for choice in choices)
    heard: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=f"{events}data: [DONE]\n\n")

    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
        model = OpenAIModel(Connection(base_url="http://models.invalid/v1"), name="split", http_client=client)
        response = await model.stream(ask(), heard.append)

    assert heard == ["Well ", "😀 done ", "\ufffd"]
    assert response.text == "Well 😀 done \ufffd"


@pytest.mark.parametrize("status", [400, 429])
async def test_lone_surrogates_in_errors(status: int, scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """What a provider says of a failure can be written down, too."""
    scripted_server.on(None, Fault.status(status, message="Bad \ud83d word"))
    with pytest.raises(AgenticError, match="Bad \ufffd word"):
        await make_model().complete(ask())


async def test_text_may_be_cut_off(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """Text that reached its limit is an answer, and says so."""
    scripted_server.on(None, Reply(content=Text(text="Once upon"), finish="length"))
    response = await make_model().complete(ask(settings=ModelSettings(max_output_tokens=2)))

    assert (response.text, response.finish_reason) == ("Once upon", "length")


async def test_cut_off_message_says_the_limit(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """Who reads that an answer was cut off, reads at how much."""
    scripted_server.on(None, Fault.truncated_json())
    with pytest.raises(InvalidOutput, match=r"`max_output_tokens` is 7.* raise `max_output_tokens`") as caught:
        await make_model().complete(ask(output=PERSON, settings=ModelSettings(max_output_tokens=7)))

    assert caught.value.answer.startswith("{")


async def test_tokens_that_nobody_reports_are_estimated(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """A server without token numbers does not make a token budget endless."""
    scripted_server.on(None, Reply.text("x" * 10, usage="absent"))
    response = await make_model().complete(ask("y" * 100))

    assert (response.usage.input_tokens, response.usage.output_tokens) == (25, 3)


async def test_name_of_the_limit(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """Compatible servers get the limit under its old name."""
    await make_model().complete(ask(settings=ModelSettings(max_output_tokens=5)))

    assert scripted_server.requests[0].body["max_tokens"] == 5


async def test_openai_itself() -> None:
    """A connection without an address leads to OpenAI, which gets the limit's new name and no lengths of strings."""
    seen: list[httpx.Request] = []
    name = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}}

    def openai(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"choices": [{"message": {"content": '{"name": "Ada"}'}}]})

    async with httpx.AsyncClient(transport=httpx.MockTransport(openai)) as client:
        model = OpenAIModel(Connection(api_key=SecretStr(KEY)), name="openai", http_client=client)
        request = ask(output=OutputSchema(name="name", json_schema=name), settings=ModelSettings(max_output_tokens=5))
        response = await model.complete(request)
        await model.aclose()
        is_closed = client.is_closed
    body = json.loads(seen[0].content)

    assert str(seen[0].url) == "https://api.openai.com/v1/chat/completions"
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert body["max_completion_tokens"] == 5
    assert "maxLength" not in json.dumps(body)
    assert (response.text, is_closed) == ('{"name": "Ada"}', False)


def refuse_field(name: str, message: str) -> Any:
    """An answer function of a server that does not know a field."""

    def answer(request: ScriptedRequest) -> Answer:
        return Fault.status(400, message=message) if name in request.body else Reply.echo()

    return answer


async def test_other_name_of_the_limit_is_learned(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """A server that refuses `max_tokens` is asked with the other name, and from then on at once."""
    message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    scripted_server.answer_by_default(refuse_field("max_tokens", message))
    model, request = make_model(), ask(settings=ModelSettings(max_output_tokens=5))
    first = await model.complete(request)
    second = await model.complete(request)

    assert [first.usage.calls, second.usage.calls] == [2, 1]
    assert scripted_server.requests[-1].body["max_completion_tokens"] == 5


async def test_server_that_knows_neither_name(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """A limit that is refused under both names is an error, not an endless loop."""
    scripted_server.on(None, Fault.status(400, message="Unsupported: max_tokens, max_completion_tokens"))
    with pytest.raises(InvalidRequest) as caught:
        await make_model().complete(ask(settings=ModelSettings(max_output_tokens=5)))

    assert (caught.value.usage, scripted_server.count) == (Usage(calls=2), 2)


def form_of(request: ScriptedRequest) -> str:
    """How a request asks for its form."""
    given = request.body.get("response_format") or (request.body.get("text") or {}).get("format") or {}
    strict = given.get("strict") or given.get("json_schema", {}).get("strict")
    return "strict" if strict else given.get("type", "prompt")


def server_without(*forms: str, message: str) -> Any:
    """An answer function of a server that refuses some forms."""

    def answer(request: ScriptedRequest) -> Answer:
        if form_of(request) in forms:
            return Fault.status(400, message=message)
        return Reply.json_value({"name": "Ada", "age": 36})

    return answer


@dataclass(frozen=True)
class Step:
    """What a server refuses, and the forms in which it is asked, in two calls."""

    id: str
    refused: tuple[str, ...]
    message: str
    wish: str
    asked: list[str]


NO_SCHEMAS = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
NO_FORMAT = "response_format is not supported"
BAD_SCHEMA = "Invalid schema for response_format 'person': In context=(), 'maxLength' is not permitted."

STEPS = [
    Step("nothing refused", (), "", "auto", ["strict", "strict"]),
    Step("no schemas", ("strict", "json_schema"), NO_SCHEMAS, "auto", ["strict", "json_object", "json_object"]),
    Step(
        "no formats",
        ("strict", "json_schema", "json_object"),
        NO_FORMAT,
        "auto",
        ["strict", "json_object", "prompt", "prompt"],
    ),
    Step("not this schema", ("strict",), BAD_SCHEMA, "auto", ["strict", "json_schema", "json_schema"]),
    Step("told to ask only", (), "", "prompt", ["prompt", "prompt"]),
    Step("told to use JSON mode", (), "", "json_object", ["json_object", "json_object"]),
]


@pytest.mark.parametrize("case", STEPS, ids=lambda case: case.id)
@pytest.mark.parametrize("api", APIS)
async def test_steps_down_and_remembers(
    api: Api, case: Step, scripted_server: ScriptedServer, make_model: MakeModel
) -> None:
    """What a server refuses is asked for in the next best form, and the second call begins there."""
    scripted_server.answer_by_default(server_without(*case.refused, message=case.message))
    model = make_model(api=api, structured_output=case.wish)
    responses = [await model.complete(ask(output=PERSON)) for _ in range(2)]

    assert [form_of(request) for request in scripted_server.requests] == case.asked
    assert sum(response.usage.calls for response in responses) == len(case.asked)
    assert parse_answer(responses[-1].text, SCHEMA) == {"name": "Ada", "age": 36}


async def test_server_without_schemas_is_asked_for_none(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """That schemas are not supported holds for all of a model's, and for that model alone."""
    scripted_server.answer_by_default(server_without("strict", "json_schema", message=NO_SCHEMAS))
    model = make_model()
    for request in (ask(output=PERSON), ask(output=NAMES), ask(output=PERSON, model="other")):
        await model.complete(request)

    assert [form_of(request) for request in scripted_server.requests] == [
        *("strict", "json_object"),
        "json_object",
        *("strict", "json_object"),
    ]


async def test_one_refused_schema_leaves_the_others_strict(
    scripted_server: ScriptedServer, make_model: MakeModel
) -> None:
    """That one schema cannot be strict says nothing about the next."""
    refused = server_without("strict", message=BAD_SCHEMA)
    scripted_server.on(Match(text="Ada"), refused)
    model = make_model()
    await model.complete(ask("Ada", output=PERSON))
    await model.complete(ask("names", output=NAMES))

    assert form_of(scripted_server.requests[-1]) == "strict"


async def test_told_to_use_schemas_never_only_asks(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """Who demands `json_schema` gets an error from a server that cannot, not a weaker promise."""
    scripted_server.on(None, Fault.schema_refused())
    with pytest.raises(InvalidRequest, match="is not supported with this model"):
        await make_model(structured_output="json_schema").complete(ask(output=PERSON))

    assert [form_of(request) for request in scripted_server.requests] == ["strict", "json_schema"]


async def test_failure_teaches_nothing(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """A server that refuses every form had another reason, so the next call begins at the top again."""
    scripted_server.on(None, Fault.schema_refused(), Fault.schema_refused(), Fault.schema_refused(), Reply.echo())
    model = make_model()
    with pytest.raises(InvalidRequest):
        await model.complete(ask(output=PERSON))
    await model.complete(ask(output=PERSON))

    assert form_of(scripted_server.requests[-1]) == "strict"


async def test_key_is_sent_and_only_there(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """The connection's key is the one that is sent."""
    await make_model(api_key=SecretStr(KEY)).complete(ask())

    assert scripted_server.requests[0].api_key == KEY


async def test_environment_is_not_sent_to_others(
    scripted_server: ScriptedServer, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server without a key gets neither OpenAI's from the environment nor the organization."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    await make_model().complete(ask())
    headers = scripted_server.requests[0].headers

    assert scripted_server.requests[0].api_key != KEY
    assert "openai-organization" not in headers


@pytest.mark.parametrize(
    ("base_url", "error", "message"),
    [
        ("http://127.0.0.1:9/v1", ConnectionLost, "could not be reached"),
        ("nowhere", InvalidRequest, "has no usable address"),
    ],
)
async def test_address(base_url: str, error: type[AgenticError], message: str) -> None:
    """A server that is not there may come back; an address that is none will not."""
    with pytest.raises(error, match=message):
        await OpenAIModel(Connection(base_url=base_url), name="gone").complete(ask())


async def test_another_program_at_the_address(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """JSON of some other service names the settings to check."""
    scripted_server.on(None, Fault.malformed_body().model_copy(update={"body": '{"hello": "world"}'}))
    with pytest.raises(ServerFault, match=r"its fields: hello\)\. Check `base_url` and `api`"):
        await make_model().complete(ask())


async def test_error_within_a_200(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """Some routers answer 200 and put the error into the body; its code is the status."""
    body = '{"error": {"code": 429, "message": "slow down"}}'
    scripted_server.on(None, Fault.malformed_body().model_copy(update={"body": body}))
    with pytest.raises(RateLimited, match="slow down"):
        await make_model().complete(ask())


def test_one_model_in_two_event_loops(scripted_server: ScriptedServer) -> None:
    """A model that is used in one loop after another has a client for each."""
    model = OpenAIModel(Connection(base_url=scripted_server.base_url), name="scripted")

    async def talk() -> str:
        response = await model.complete(ask())
        await model.aclose()
        return response.text

    assert asyncio.run(talk()) == asyncio.run(talk())


async def test_parallel_calls(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """Calls of one model run at the same time."""
    scripted_server.answer_by_default(Reply.hold())
    model = make_model()
    calls = [asyncio.create_task(model.complete(ask(str(number)))) for number in range(20)]
    await scripted_server.wait_for_requests_async(20)
    scripted_server.release()
    await asyncio.gather(*calls)

    assert scripted_server.max_in_flight == 20


async def test_cancelled_call_leaves_the_server(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """Cancelling a call closes its connection, so that the provider can stop."""
    scripted_server.answer_by_default(Reply.hold())
    call = asyncio.create_task(make_model().complete(ask()))
    await scripted_server.wait_for_requests_async(1)
    call.cancel()
    await scripted_server.wait_until_async(lambda tally: tally.in_flight == 0)
    await asyncio.wait([call])

    assert call.cancelled()


async def test_clock_for_dates() -> None:
    """A date in `Retry-After` is compared with the model's own clock."""
    late = datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)
    headers = {"retry-after": "Thu, 01 Jan 2026 00:00:40 GMT"}
    with ScriptedServer(Script(rules=(Rule(answers=(Fault.status(429, headers=headers),)),))) as server:
        model = OpenAIModel(Connection(base_url=server.base_url), name="scripted", clock=lambda: late)
        with pytest.raises(RateLimited) as caught:
            await model.complete(ask())

    assert caught.value.retry_after_s == 30.0
