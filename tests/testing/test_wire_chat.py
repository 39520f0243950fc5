"""Chat Completions, as OpenAI's own client reads it."""

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from agentic_prefect.testing import Fault, Reply, ReportedUsage, ScriptedServer, ToolCall

MESSAGES: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is it warm?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Places(BaseModel):
    """A structured answer."""

    places: list[str]
    surest: bool


def ask(client: openai.OpenAI, **fields: Any) -> Any:
    """One request with the usual messages."""
    asked: dict[str, Any] = {"model": "gpt-test", "messages": MESSAGES, **fields}
    return client.chat.completions.create(**asked)


def stream(client: openai.OpenAI, **fields: Any) -> list[ChatCompletionChunk]:
    """All chunks of one streamed request."""
    return list(ask(client, stream=True, **fields))


def test_text_is_the_message(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A text reply is the content of the only choice, under the model that was asked for."""
    server.on("warm", Reply.text("In Lisbon."))

    answer = ask(client)

    assert answer.choices[0].message.content == "In Lisbon."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "gpt-test"
    assert answer.id == "chatcmpl-1"


def test_the_prompt_text_has_every_message(server: ScriptedServer, client: openai.OpenAI) -> None:
    """Plain contents, parts of contents, tool calls and their results are all in the text that rules match."""
    calls = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}]
    parts = [{"type": "text", "text": "And"}, {"type": "text", "text": "there?"}]
    more = [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "user", "content": parts},
    ]

    ask(client, messages=[*MESSAGES, *more])

    expected = 'Be brief.\nWhere is it warm?\nweather {"city":"Oslo"}\nrain\nAnd\nthere?'
    assert server.requests[0].prompt_text == expected


def test_a_schema_is_echoed(server: ScriptedServer, client: openai.OpenAI) -> None:
    """Without a rule, the strict schema that the client makes from a model gets an instance of that model."""
    answer = client.chat.completions.parse(model="gpt-test", messages=MESSAGES, response_format=Places)

    assert answer.choices[0].message.parsed == Places(places=["places"], surest=True)
    assert server.requests[0].output_schema is not None


def test_json_object_is_echoed(client: openai.OpenAI) -> None:
    """The older JSON mode gets an object."""
    answer = ask(client, response_format={"type": "json_object"})

    assert answer.choices[0].message.content == "{}"


def test_a_sentence_differs_by_prompt(client: openai.OpenAI) -> None:
    """Without a schema the echo is a sentence, equal for equal prompts only, that repeats nothing of the prompt."""
    texts = [ask(client).choices[0].message.content for _ in range(2)]
    other = ask(client, messages=MESSAGES[1:]).choices[0].message.content

    assert texts[0] == texts[1] != other
    assert "warm" not in texts[0]


def test_reported_usage_is_sent(server: ScriptedServer, client: openai.OpenAI) -> None:
    """Token numbers that the script gives arrive as they are, cached and reasoning ones included."""
    usage = ReportedUsage(input_tokens=156, output_tokens=264, cached_tokens=128, reasoning_tokens=64)
    server.on(None, Reply.text("In Lisbon.", usage=usage))

    seen = ask(client).usage

    assert (seen.prompt_tokens, seen.completion_tokens, seen.total_tokens) == (156, 264, 420)
    assert seen.prompt_tokens_details.cached_tokens == 128
    assert seen.completion_tokens_details.reasoning_tokens == 64


def test_usage_is_counted_by_bytes(server: ScriptedServer, client: openai.OpenAI) -> None:
    """Numbers that the script does not give are four bytes a token, of the prompt's text and of the answer."""
    server.on(None, Reply.text("é" * 5))

    seen = ask(client).usage

    assert seen.prompt_tokens == 7, "'Be brief.', a line end and 'Where is it warm?' are 27 bytes"
    assert seen.completion_tokens == 3, "five letters of two bytes"


def test_usage_can_be_absent(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A compatible server that reports no numbers can be played, streamed or not."""
    server.on(None, Reply.text("In Lisbon.", usage="absent"))

    assert ask(client).usage is None
    assert [chunk.usage for chunk in stream(client, stream_options={"include_usage": True})] == [None] * 4


def test_tool_calls(server: ScriptedServer, client: openai.OpenAI) -> None:
    """Scripted tool calls arrive with their arguments as JSON, numbered ids and the matching finish reason."""
    server.on(None, Reply.tools(ToolCall(name="weather", arguments={"city": "Oslo"}), ToolCall(name="x", id="mine")))

    choice = ask(client, tools=[WEATHER]).choices[0]

    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls]
    assert calls == [("call_1_0", "weather", '{"city":"Oslo"}'), ("mine", "x", "{}")]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}], ids=str)
def test_an_obliged_tool_is_called(choice: Any, client: openai.OpenAI) -> None:
    """When the request obliges the model to call a tool, the echo calls it with valid arguments."""
    answer = ask(client, tools=[WEATHER], tool_choice=choice)

    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"city":"city"}'


def test_a_free_choice_calls_no_tool(client: openai.OpenAI) -> None:
    """Tools that are only offered are left alone by the echo."""
    assert ask(client, tools=[WEATHER]).choices[0].finish_reason == "stop"


def test_a_refusal_is_no_content(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A refusal stands in its own field; the content is null."""
    server.on(None, Fault.refusal("No."))

    message = ask(client).choices[0].message

    assert (message.refusal, message.content) == ("No.", None)


STOPPED = [
    (Fault.content_filter("In Lis"), "content_filter", "In Lis"),
    (Fault.truncated_json(), "length", '{"scripted": "answ'),
    (Fault.empty(), "stop", ""),
]


@pytest.mark.parametrize(("fault", "finish", "content"), STOPPED, ids=lambda value: str(value)[:20])
def test_a_stopped_answer(
    fault: Reply, finish: str, content: str, server: ScriptedServer, client: openai.OpenAI
) -> None:
    """An answer that was stopped says why, and has what came before."""
    server.on(None, fault)

    choice = ask(client).choices[0]

    assert (choice.finish_reason, choice.message.content) == (finish, content)


def test_a_text_stream(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A stream begins with the role, brings the words one by one and ends with the finish reason."""
    server.on(None, Reply.text("In Lisbon, by the sea."))

    chunks = stream(client)

    assert chunks[0].choices[0].delta.role == "assistant"
    words = [chunk.choices[0].delta.content for chunk in chunks[1:-1]]
    assert words == ["In ", "Lisbon, ", "by ", "the ", "sea."]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_usage_comes_last_in_a_stream(server: ScriptedServer, client: openai.OpenAI) -> None:
    """With `include_usage` one more chunk, without choices, has the numbers."""
    server.on(None, Reply.text("In Lisbon.", usage=ReportedUsage(input_tokens=9, output_tokens=4, cached_tokens=8)))

    *before, last = stream(client, stream_options={"include_usage": True})

    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (9, 4)
    assert last.usage.prompt_tokens_details is not None
    assert last.usage.prompt_tokens_details.cached_tokens == 8
    assert all(chunk.usage is None for chunk in before)


def test_a_stream_of_tool_calls(server: ScriptedServer, client: openai.OpenAI) -> None:
    """The pieces of streamed tool calls add up to the calls."""
    server.on(None, Reply.tools(ToolCall(name="a", arguments={"x": "one two"}), ToolCall(name="b"), text="Wait."))

    with client.chat.completions.stream(model="gpt-test", messages=MESSAGES) as events:
        final = events.get_final_completion().choices[0]

    assert final.message.content == "Wait."
    assert final.message.tool_calls is not None
    calls = [(call.id, call.function.name, call.function.arguments) for call in final.message.tool_calls]
    assert calls == [("call_1_0", "a", '{"x":"one two"}'), ("call_1_1", "b", "{}")]
    assert final.finish_reason == "tool_calls"


def test_a_stream_of_a_refusal(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A refusal is streamed in its own field."""
    server.on(None, Fault.refusal("I will not."))

    chunks = stream(client)

    assert "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks) == "I will not."
    assert {chunk.choices[0].delta.content for chunk in chunks} == {None}
