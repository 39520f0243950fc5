"""Chat Completions on the wire."""

from dataclasses import dataclass
from typing import Any

import pytest

from agentic_prefect.llm.answer_form import Form
from agentic_prefect.llm.error_map import HttpFailure
from agentic_prefect.llm.model_answer import ModelAnswer, ReportedTokens
from agentic_prefect.llm.openai_chat import LimitField, chat_answer, chat_body, refuses_limit
from agentic_prefect.models.chat import ModelSettings, OutputSchema
from tests.llm.conftest import ask

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
STRICT = {**SCHEMA, "additionalProperties": False}
OUTPUT = OutputSchema(name="form", json_schema=SCHEMA)


@dataclass(frozen=True)
class Setting:
    """Settings, and the fields that are sent besides model and messages."""

    id: str
    settings: ModelSettings
    expected: dict[str, Any]
    limit_field: LimitField = "max_tokens"


SETTINGS = [
    Setting("nothing set, nothing sent", ModelSettings(), {}),
    Setting("zero is set", ModelSettings(temperature=0, seed=0), {"temperature": 0, "seed": 0}),
    Setting(
        "the rest",
        ModelSettings(top_p=0.5, stop=("END",), reasoning_effort="low"),
        {"top_p": 0.5, "stop": ["END"], "reasoning_effort": "low"},
    ),
    Setting("limit", ModelSettings(max_output_tokens=9), {"max_tokens": 9}),
    Setting(
        "limit at OpenAI", ModelSettings(max_output_tokens=9), {"max_completion_tokens": 9}, "max_completion_tokens"
    ),
    Setting(
        "other fields",
        ModelSettings(temperature=1, extra={"presence_penalty": 0.1, "temperature": 2}),
        {"presence_penalty": 0.1, "temperature": 2},
    ),
]


@pytest.mark.parametrize("case", SETTINGS, ids=lambda case: case.id)
def test_only_set_parameters_are_sent(case: Setting) -> None:  # L-30
    """A field that is not set is not sent."""
    body = chat_body(ask("Hi", settings=case.settings), form=None, limit_field=case.limit_field)

    assert body == {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hi"}], **case.expected}


@dataclass(frozen=True)
class Shape:
    """A form, and what is sent for it."""

    form: Form
    response_format: dict[str, Any] | None
    shows_schema: bool


SHAPES = [
    Shape(
        Form.STRICT, {"type": "json_schema", "json_schema": {"name": "form", "schema": STRICT, "strict": True}}, False
    ),
    Shape(
        Form.SCHEMA, {"type": "json_schema", "json_schema": {"name": "form", "schema": STRICT, "strict": False}}, False
    ),
    Shape(Form.OBJECT, {"type": "json_object"}, True),
    Shape(Form.PROMPT, None, True),
]


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: case.form.name)
def test_output_schema(case: Shape) -> None:
    """The provider gets the schema, or else the prompt shows it."""
    body = chat_body(ask("Hi", output=OUTPUT), form=case.form, limit_field="max_tokens")

    assert body.get("response_format") == case.response_format
    assert ('"required": ["a"]' in body["messages"][-1]["content"]) is case.shows_schema


@dataclass(frozen=True)
class Answer:
    """A response's body, and what is read from it."""

    id: str
    body: dict[str, Any]
    expected: ModelAnswer | None


def said(message: dict[str, Any], finish: str | None = "stop", **fields: Any) -> dict[str, Any]:
    """A response with one choice."""
    return {"choices": [{"message": message, "finish_reason": finish}], **fields}


USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}

ANSWERS = [
    Answer(
        "text",
        said({"content": "hi"}, id="c1", model="m", usage=USAGE),
        ModelAnswer("hi", tokens=ReportedTokens(10, 5, 4), model="m", response_id="c1"),
    ),
    Answer(
        "parts",
        said({"content": [{"type": "text", "text": "a"}, {"type": "thinking"}, {"text": "b"}]}),
        ModelAnswer("ab"),
    ),
    Answer("refusal", said({"content": None, "refusal": "no"}), ModelAnswer("", refusal="no")),
    Answer("cut off", said({"content": "h"}, "length"), ModelAnswer("h", finish="length")),
    Answer("filtered", said({"content": ""}, "content_filter"), ModelAnswer("", finish="content_filter")),
    Answer("tool calls", said({"content": None}, "tool_calls"), ModelAnswer("", finish="tool_calls")),
    Answer("no reason given", said({"content": "hi"}, None), ModelAnswer("hi")),
    Answer(
        "odd numbers",
        said({"content": "hi"}, usage={"prompt_tokens": None, "completion_tokens": "5"}),
        ModelAnswer("hi", tokens=ReportedTokens(0, 0)),
    ),
    Answer("no choice", {"choices": []}, None),
    Answer("another API", {"output": []}, None),
    Answer("nonsense", {"choices": "x"}, None),
]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_chat_answer(case: Answer) -> None:
    """What compatible servers send is read, with what is missing left out."""
    assert chat_answer(case.body) == case.expected


LIMITS = [
    (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        True,
    ),
    ("Unrecognized request argument supplied: max_tokens", True),
    ("max_tokens is too large: 9000. This model supports at most 4096 completion tokens.", False),
    ("Unknown parameter: 'foo'.", False),
]


@pytest.mark.parametrize(("message", "expected"), LIMITS, ids=[message[:30] for message, _ in LIMITS])
def test_refuses_limit(message: str, expected: bool) -> None:
    """A limit whose name is unknown is told from one that is too large."""
    assert refuses_limit(HttpFailure(400, message), "max_tokens") is expected
