"""The Responses API, as OpenAI's own client reads it."""

from typing import Any

import openai
import pytest
from pydantic import BaseModel

from agentic_prefect.testing import Fault, Reply, ReportedUsage, ScriptedServer, ToolCall

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Places(BaseModel):
    """A structured answer."""

    places: list[str]
    surest: bool


def ask(client: openai.OpenAI, **fields: Any) -> Any:
    """One request with the usual input."""
    asked: dict[str, Any] = {"model": "gpt-test", "input": "Where is it warm?", **fields}
    return client.responses.create(**asked)


def said(response: Any) -> list[dict[str, Any]]:
    """The items of the output, without what the client's helper adds to them."""
    added = {"parsed", "parsed_arguments"}
    return [
        item.model_dump(exclude=added | {"content"})
        | {"content": [part.model_dump(exclude=added) for part in getattr(item, "content", [])]}
        for item in response.output
    ]


def kinds(client: openai.OpenAI) -> list[str]:
    """The types of all events of one streamed request."""
    return [event.type for event in ask(client, stream=True)]


def test_text_is_the_output(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A text reply is the text of the only message, and the response repeats what was asked for."""
    server.on("warm", Reply.text("In Lisbon."))

    answer = ask(client, instructions="Be brief.", temperature=0.2)

    assert (answer.status, answer.output_text) == ("completed", "In Lisbon.")
    assert (answer.id, answer.model) == ("resp_1", "gpt-test")
    assert (answer.instructions, answer.temperature) == ("Be brief.", 0.2)


def test_the_prompt_text_has_every_item(server: ScriptedServer, client: openai.OpenAI) -> None:
    """Instructions, messages, tool calls and their results are all in the text that rules match."""
    items = [
        {"role": "user", "content": "Where?"},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Oslo"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And there?"}]},
    ]

    ask(client, instructions="Be brief.", input=items)

    assert server.requests[0].prompt_text == 'Be brief.\nWhere?\nweather {"city":"Oslo"}\nrain\nAnd there?'


def test_a_schema_is_echoed(client: openai.OpenAI) -> None:
    """Without a rule, the strict schema that the client makes from a model gets an instance of that model."""
    answer = client.responses.parse(model="gpt-test", input="Where?", text_format=Places)

    assert answer.output_parsed == Places(places=["places"], surest=True)


def test_json_object_is_echoed(client: openai.OpenAI) -> None:
    """The older JSON mode gets an object."""
    assert ask(client, text={"format": {"type": "json_object"}}).output_text == "{}"


def test_usage(server: ScriptedServer, client: openai.OpenAI) -> None:
    """Given token numbers arrive as they are; the others are counted, four bytes a token."""
    usage = ReportedUsage(input_tokens=156, cached_tokens=128, reasoning_tokens=2)
    server.on(None, Reply.text("In Lisbon.", usage=usage))

    seen = ask(client).usage

    assert (seen.input_tokens, seen.output_tokens, seen.total_tokens) == (156, 3, 159)
    assert seen.input_tokens_details.cached_tokens == 128
    assert seen.output_tokens_details.reasoning_tokens == 2


def test_usage_can_be_absent(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A compatible server that reports no numbers can be played."""
    server.on(None, Reply.text("In Lisbon.", usage="absent"))

    assert ask(client).usage is None


def test_tool_calls(server: ScriptedServer, client: openai.OpenAI) -> None:
    """Scripted tool calls are items of the output, after what the model says beside."""
    server.on(None, Reply.tools(ToolCall(name="weather", arguments={"city": "Oslo"}), text="Wait."))

    message, call = ask(client, tools=[WEATHER]).output

    assert message.content[0].text == "Wait."
    assert (call.type, call.call_id, call.name) == ("function_call", "call_1_0", "weather")
    assert call.arguments == '{"city":"Oslo"}'


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "weather"}], ids=str)
def test_an_obliged_tool_is_called(choice: Any, client: openai.OpenAI) -> None:
    """When the request obliges the model to call a tool, the echo calls it with valid arguments."""
    [call] = ask(client, tools=[WEATHER], tool_choice=choice).output

    assert call.arguments == '{"city":"city"}'


def test_a_refusal_is_a_part_of_its_own(server: ScriptedServer, client: openai.OpenAI) -> None:
    """A refusal is no output text."""
    server.on(None, Fault.refusal("No."))

    answer = ask(client)

    assert answer.output[0].content[0].refusal == "No."
    assert answer.output_text == ""


STOPPED = [(Fault.content_filter("In"), "content_filter", "In"), (Fault.truncated_json(), "max_output_tokens", '{"scr')]


@pytest.mark.parametrize(("fault", "reason", "start"), STOPPED, ids=["content_filter", "length"])
def test_a_stopped_answer(fault: Reply, reason: str, start: str, server: ScriptedServer, client: openai.OpenAI) -> None:
    """An answer that was stopped is incomplete and says why."""
    server.on(None, fault)

    answer = ask(client)

    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", reason)
    assert answer.output_text.startswith(start)


def test_a_text_stream(server: ScriptedServer, client: openai.OpenAI) -> None:
    """The events of a text stream come in OpenAI's order."""
    server.on(None, Reply.text("In Lisbon."))

    assert kinds(client) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_events_are_numbered(client: openai.OpenAI) -> None:
    """The sequence numbers of a stream count from 0 without a gap."""
    numbers = [event.sequence_number for event in ask(client, stream=True)]

    assert numbers == list(range(len(numbers)))


CONTENTS = [
    Reply.text("In Lisbon, by the sea.", usage=ReportedUsage(input_tokens=9, output_tokens=4, cached_tokens=8)),
    Reply.tools(ToolCall(name="a", arguments={"x": "one two"}), ToolCall(name="b"), text="Wait."),
    Fault.refusal("I will not."),
    Fault.empty(),
]


@pytest.mark.parametrize("reply", CONTENTS, ids=["text", "tool_calls", "refusal", "empty"])
def test_a_stream_adds_up_to_the_answer(reply: Reply, server: ScriptedServer, client: openai.OpenAI) -> None:
    """What OpenAI's client puts together from the events is what it gets without a stream."""
    server.on(None, reply)
    plain = ask(client)
    server.reset()
    server.on(None, reply)

    with client.responses.stream(model="gpt-test", input="Where is it warm?") as events:
        streamed = events.get_final_response()

    assert said(streamed) == said(plain)
    assert streamed.usage == plain.usage
    assert streamed.status == plain.status


ENDINGS = [(Fault.truncated_json(), "response.incomplete"), (Fault.refusal("No."), "response.completed")]


@pytest.mark.parametrize(("reply", "last"), ENDINGS, ids=["incomplete", "refusal"])
def test_the_last_event_says_how_it_ended(
    reply: Reply, last: str, server: ScriptedServer, client: openai.OpenAI
) -> None:
    """A stopped answer ends in another event than a whole one."""
    server.on(None, reply)

    assert kinds(client)[-1] == last
