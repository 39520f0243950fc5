"""Answers found, checked and repaired."""

import asyncio
import json
import socket
from dataclasses import dataclass
from typing import Any

import pytest

from agentic_prefect.errors import InvalidOutput, InvalidRequest, RateLimited
from agentic_prefect.llm.structured import complete_structured, find_json, parse_answer, schema_problems
from agentic_prefect.models.chat import OutputSchema
from agentic_prefect.models.usage import Usage
from agentic_prefect.testing import Fault, Reply, ReportedUsage, ScriptedChatModel
from tests.llm.conftest import ask

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
}


@dataclass(frozen=True)
class Case:
    """A text and the value in it."""

    id: str
    text: str
    expected: Any


FOUND = [
    Case("plain JSON", '{"a": 1}', {"a": 1}),
    Case("a plain string", '"hello"', "hello"),
    Case("null", "null", None),
    Case("a fenced block", 'Here:\n```json\n{"a": 1}\n```\nDone.', {"a": 1}),
    Case("a fence without a language", "```\n[1, 2]\n```", [1, 2]),
    Case("a fenced scalar", '```json\n"x"\n```', "x"),
    Case("words around an object", 'Sure! {"a": {"b": []}} I hope that helps.', {"a": {"b": []}}),
    Case("words around a list", "The list [1, 2] it is", [1, 2]),
    Case("brackets in the words", 'As {you} said [sic]: {"a": 1}', {"a": 1}),
    Case("empty brackets in the words", 'f() {} returns {"a": 1}', {"a": 1}),
    Case("the same value twice", '{"a": 1}\n{"a": 1}', {"a": 1}),
    Case("brackets in a string", 'so: {"a": "}{"}', {"a": "}{"}),
    Case("thoughts before it", '<think>maybe {"a": 2}?</think>\n{"a": 1}', {"a": 1}),
    Case("only empty brackets", "the answer is {}", {}),
]


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case.id)
def test_find_json(case: Case) -> None:
    """One JSON value is found, whatever stands around it."""
    assert find_json(case.text) == case.expected


NOT_FOUND = [
    Case("nothing", "", "$: the answer is empty"),
    Case("blanks", " \n", "$: the answer is empty"),
    Case("words", "I would rather not.", "$: not JSON: Expecting value: line 1 column 1 (char 0)"),
    Case("two values", '{"a": 1} or {"a": 2}', "$: 2 different JSON values, one was asked for"),
    Case("two blocks", "```\n1\n```\n```\n2\n```", "$: 2 different JSON values, one was asked for"),
    Case("cut off", '{"a": "b', "$: not JSON: Unterminated string starting at: line 1 column 7 (char 6)"),
    Case("not a number", '{"a": NaN}', "$: not JSON: NaN is no JSON value"),
    Case("too deep", "[" * 100_000, "$: not JSON: it is nested too deeply"),
]


@pytest.mark.parametrize("case", NOT_FOUND, ids=lambda case: case.id)
def test_find_json_refuses(case: Case) -> None:
    """What is not exactly one JSON value is refused, with the reason and the answer."""
    with pytest.raises(InvalidOutput) as caught:
        find_json(case.text)

    assert (caught.value.problems, caught.value.answer) == ((case.expected,), case.text)


@dataclass(frozen=True)
class Violation:
    """A value that breaks a schema, and what is said of it."""

    id: str
    value: Any
    schema: dict[str, Any]
    expected: tuple[str, ...]


VIOLATIONS = [
    Violation("nothing wrong", {"name": "a", "age": 1}, PERSON, ()),
    Violation("a missing property", {"name": "a"}, PERSON, ("$: 'age' is a required property",)),
    Violation(
        "all problems at once, by path",
        {"name": 1, "age": -1},
        PERSON,
        ("$.age: -1 is less than the minimum of 0", "$.name: 1 is not of type 'string'"),
    ),
    Violation("in a list", [{"a": 1}, 2], {"items": {"type": "object"}}, ("$[1]: 2 is not of type 'object'",)),
    Violation(
        "the closest branch",
        {"age": "x"},
        {"anyOf": [{"type": "null"}, {"properties": {"age": {"type": "integer"}}}]},
        ("$: {'age': 'x'} is not valid under any of the given schemas (closest: 'x' is not of type 'integer')",),
    ),
    Violation("a format", "tomorrow", {"type": "string", "format": "date"}, ("$: 'tomorrow' is not a 'date'",)),
    Violation("false allows nothing", 1, {"items": False, "type": "integer"}, ()),
]


@pytest.mark.parametrize("case", VIOLATIONS, ids=lambda case: case.id)
def test_schema_problems(case: Violation) -> None:
    """Every violation is one line with its path."""
    assert schema_problems(case.value, case.schema) == case.expected


def test_many_and_long_problems_are_bounded() -> None:
    """A thousand wrong items do not fill the repair prompt."""
    problems = schema_problems(["x" * 5000] * 1000, {"items": {"type": "integer"}})

    assert len(problems) == 21
    assert problems[-1] == "and 980 more"
    assert max(map(len, problems)) < 400


@pytest.mark.parametrize("schema", [{"$ref": "#/$defs/None"}, {"type": "strin"}], ids=json.dumps)
def test_useless_schema(schema: dict[str, Any]) -> None:
    """A schema that leads nowhere is refused, with what would be right."""
    with pytest.raises(
        InvalidRequest, match=r"The output schema cannot be used: .* types must be those of JSON Schema"
    ):
        schema_problems({}, schema)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference to another place is refused without asking there."""
    asked: list[object] = []

    def refuse(_: socket.socket, address: object) -> None:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(InvalidRequest, match="The output schema cannot be used"):
        schema_problems({}, {"$ref": "http://127.0.0.1:9/schema.json"})

    assert asked == []


def test_parse_answer_message() -> None:
    """The message names the first problem and how many there are."""
    with pytest.raises(InvalidOutput) as caught:
        parse_answer('{"age": "x"}', PERSON)

    assert str(caught.value) == "The answer does not follow the schema: $: 'name' is a required property (and 1 more)."


def structured_ask() -> Any:
    """A request for a person."""
    return ask("Who?", output=OutputSchema(name="person", json_schema=PERSON))


async def test_wrong_answer_is_sent_back_with_its_problems(scripted_model: ScriptedChatModel) -> None:
    """The model sees its answer and every problem, and the second answer is the value."""
    scripted_model.on(None, Reply.text('{"name": 1}'), Reply.json_value({"name": "Ada", "age": 36}))
    value, response = await complete_structured(scripted_model, structured_ask(), repairs=2, on_usage=lambda _: None)
    messages = scripted_model.requests[-1].body["messages"]

    assert value == {"name": "Ada", "age": 36}
    assert response.text == '{"name":"Ada","age":36}'
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"] == '{"name": 1}'
    assert "- $: 'age' is a required property\n- $.name: 1 is not of type 'string'" in messages[2]["content"]


@pytest.mark.parametrize(("repairs", "calls"), [(0, 1), (1, 2), (3, 4)])
async def test_repairs_end(repairs: int, calls: int, scripted_model: ScriptedChatModel) -> None:
    """An answer that stays wrong is sent back as often as allowed, then it is the failure."""
    scripted_model.on(None, Fault.breaks_schema())
    with pytest.raises(InvalidOutput):
        await complete_structured(scripted_model, structured_ask(), repairs=repairs, on_usage=lambda _: None)

    assert scripted_model.count == calls


async def test_empty_answer_is_not_repeated(scripted_model: ScriptedChatModel) -> None:
    """An empty answer is not put into the conversation, since providers refuse empty messages."""
    scripted_model.on(None, Fault.empty(), Reply.json_value({"name": "Ada", "age": 36}))
    await complete_structured(scripted_model, structured_ask(), repairs=1, on_usage=lambda _: None)

    assert [message["role"] for message in scripted_model.requests[-1].body["messages"]] == ["user", "user"]


async def test_usage_of_every_call_is_heard(scripted_model: ScriptedChatModel) -> None:  # L-33
    """Refused answers and failed calls are counted, not only the last."""
    usage = ReportedUsage(input_tokens=100, output_tokens=7)
    scripted_model.on(None, Reply.text("no", usage=usage), Fault.rate_limited())
    heard: list[Usage] = []
    with pytest.raises(RateLimited):
        await complete_structured(scripted_model, structured_ask(), repairs=3, on_usage=heard.append)
    total = sum(heard, Usage())

    assert (total.calls, total.input_tokens, total.output_tokens) == (2, 100, 7)


async def test_cancelled_call_is_heard(scripted_model: ScriptedChatModel) -> None:
    """A call that is cancelled was made all the same."""
    scripted_model.on(None, Reply.hold())
    heard: list[Usage] = []
    call = asyncio.create_task(complete_structured(scripted_model, structured_ask(), repairs=0, on_usage=heard.append))
    await scripted_model.wait_for_requests_async(1)
    call.cancel()
    await asyncio.wait([call])

    assert call.cancelled()
    assert heard == [Usage(calls=1)]


async def test_text_is_not_parsed(scripted_model: ScriptedChatModel) -> None:
    """Without a schema the value is the text as it stands."""
    scripted_model.on(None, Reply.text('{"a": 1}'))
    value, _ = await complete_structured(scripted_model, ask(), repairs=0, on_usage=lambda _: None)

    assert value == '{"a": 1}'
