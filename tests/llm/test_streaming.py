"""Answers that come piece by piece."""

from dataclasses import dataclass
from typing import Literal

import pytest

from agentic_prefect.errors import (
    AgenticError,
    AuthenticationFailed,
    ConnectionLost,
    InvalidOutput,
    RateLimited,
    Refused,
    ServerFault,
    TimedOut,
)
from agentic_prefect.llm.streaming import ChatAssembly, ResponsesAssembly
from agentic_prefect.llm.structured import parse_answer
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.usage import Usage
from agentic_prefect.testing import Fault, Reply, ReportedUsage, ScriptedServer
from agentic_prefect.testing.script import Answer, Script
from tests.llm.conftest import MakeModel, ask

Api = Literal["chat", "responses"]
APIS: tuple[Api, ...] = ("chat", "responses")
NAMES = OutputSchema(name="names", json_schema={"type": "array", "items": {"type": "string"}})


@pytest.mark.parametrize("api", APIS)
async def test_pieces_and_whole(api: Api, scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """The pieces are heard as they come, and the response is what it would have been in one piece."""
    reply = Reply.text("Once upon a time there was a whale.", usage=ReportedUsage(input_tokens=9, output_tokens=8))
    scripted_server.answer_by_default(reply)
    heard: list[str] = []
    model = make_model(api=api)
    streamed = await model.stream(ask(), heard.append)
    whole = await model.complete(ask())

    assert len(heard) > 1
    assert "".join(heard) == streamed.text == "Once upon a time there was a whale."
    assert streamed.usage == whole.usage == Usage(input_tokens=9, output_tokens=8, calls=1, cost_usd=None)
    assert [request.stream for request in scripted_server.requests] == [True, False]


@pytest.mark.parametrize("api", APIS)
async def test_connection_that_streams(api: Api, scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """A connection can have all its answers streamed, those with a schema included."""
    response = await make_model(api=api, stream=True).complete(ask(output=NAMES))

    assert isinstance(parse_answer(response.text, NAMES.json_schema), list)
    assert scripted_server.requests[0].stream


@dataclass(frozen=True)
class Outcome:
    """An answer of the server, and what the caller gets."""

    id: str
    answer: Answer
    error: type[AgenticError]
    message: str


OUTCOMES = [
    Outcome("refused before it began", Fault.rate_limited(), RateLimited, "HTTP 429"),
    Outcome("an error event", Fault.stream_error(), ServerFault, "The server had an error"),
    Outcome("dropped half way", Fault.drop("half"), ConnectionLost, "scripted"),
    Outcome("dropped after the head", Fault.drop("head"), ConnectionLost, "scripted"),
    Outcome("an event that is not JSON", Fault.malformed_body(), ServerFault, "an event that is not JSON"),
    Outcome("hangs before it began", Fault.hang(), TimedOut, "sent nothing for 0.5 s"),
    Outcome("hangs half way", Fault.hang("half"), TimedOut, "sent nothing for 0.5 s"),
    Outcome("refusal", Fault.refusal(), Refused, "declined"),
    Outcome("cut off", Fault.truncated_json(), InvalidOutput, "was cut off"),
]


@pytest.mark.parametrize("case", OUTCOMES, ids=lambda case: case.id)
@pytest.mark.parametrize("api", APIS)
async def test_typed_outcomes(api: Api, case: Outcome, scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """What goes wrong in a stream is one of our errors, as without one; silence has a limit of its own."""
    scripted_server.on(None, case.answer)
    model = make_model(api=api, stream=True, idle_timeout_s=0.5 if case.error is TimedOut else 10)
    with pytest.raises(case.error, match=case.message) as caught:
        await model.complete(ask(output=NAMES))

    assert caught.value.usage is not None
    assert (caught.value.usage.calls, scripted_server.count) == (1, 1)


async def test_slow_stream_is_not_idle(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """A stream that takes longer than the limit in all, but never pauses for so long, goes well."""
    pace_s, idle_timeout_s = 0.05, 2.5
    scripted_server.on(None, Reply.text("word " * 60).model_copy(update={"pace_s": pace_s}))
    heard: list[str] = []
    response = await make_model(idle_timeout_s=idle_timeout_s).stream(ask(), heard.append)

    assert len(heard) * pace_s > idle_timeout_s
    assert response.text == "word " * 60


async def test_stream_steps_down_too(scripted_server: ScriptedServer, make_model: MakeModel) -> None:
    """A form that is refused is put differently, streamed or not."""
    scripted_server.on(None, Fault.schema_refused(), Reply.json_value({"value": ["Ada"]}))
    response = await make_model(stream=True).complete(ask(output=NAMES))

    assert (response.text, response.usage.calls) == ('["Ada"]', 2)


@pytest.mark.parametrize("assembly", [ChatAssembly, ResponsesAssembly])
def test_stream_that_just_ends(assembly: type[ChatAssembly | ResponsesAssembly]) -> None:
    """A stream without its last event is a broken connection, not a short answer."""
    begun = assembly()
    begun.add({"choices": [{"delta": {"content": "Hel"}}], "type": "response.output_text.delta", "delta": "Hel"})

    with pytest.raises(ConnectionLost, match="ended before the answer was complete"):
        begun.body()


async def test_models(make_model: MakeModel) -> None:  # L-29
    """The server's models can be listed, and whoever may not list them reads why."""
    with ScriptedServer(Script(models=("m2", "m1"), api_key="sk-right")) as server:
        right, wrong = (make_model(base_url=server.base_url, api_key=key) for key in ("sk-right", "sk-wrong"))
        names = await right.models()
        with pytest.raises(AuthenticationFailed, match="Check the key"):
            await wrong.models()
        await right.aclose()
        await wrong.aclose()

    assert names == ("m1", "m2")
