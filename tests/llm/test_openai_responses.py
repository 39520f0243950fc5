"""Responses on the wire."""

from dataclasses import dataclass
from typing import Any

import pytest

from agentic_prefect.errors import InvalidRequest
from agentic_prefect.llm.answer_form import Form
from agentic_prefect.llm.error_map import HttpFailure
from agentic_prefect.llm.model_answer import ModelAnswer, ReportedTokens
from agentic_prefect.llm.openai_responses import responses_answer, responses_body, responses_failure
from agentic_prefect.models.chat import ModelSettings, OutputSchema
from agentic_prefect.models.usage import Usage
from tests.llm.conftest import ask

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
STRICT = {**SCHEMA, "additionalProperties": False}

SETTINGS: list[tuple[ModelSettings, dict[str, Any]]] = [
    (ModelSettings(), {}),
    (ModelSettings(temperature=0, top_p=0.5), {"temperature": 0, "top_p": 0.5}),
    (ModelSettings(max_output_tokens=9), {"max_output_tokens": 9}),
    (ModelSettings(reasoning_effort="low"), {"reasoning": {"effort": "low"}}),
    (ModelSettings(extra={"store": False}), {"store": False}),
]


@pytest.mark.parametrize(("settings", "expected"), SETTINGS, ids=[str(fields) for _, fields in SETTINGS])
def test_only_set_parameters_are_sent(settings: ModelSettings, expected: dict[str, Any]) -> None:  # L-30
    """A field that is not set is not sent."""
    body = responses_body(ask("Hi", settings=settings), form=None)

    assert body == {"model": "gpt-5-mini", "input": [{"role": "user", "content": "Hi"}], **expected}


def test_setting_that_this_api_lacks() -> None:
    """A setting that could not be sent is refused before anything is sent, not dropped."""
    with pytest.raises(InvalidRequest, match=r"has no 'seed' and no 'stop'. .* `api: chat`") as caught:
        responses_body(ask(settings=ModelSettings(seed=1, stop=("x",))), form=None)

    assert caught.value.usage == Usage()


FORMATS = [
    (Form.STRICT, {"type": "json_schema", "name": "form", "schema": STRICT, "strict": True}),
    (Form.SCHEMA, {"type": "json_schema", "name": "form", "schema": STRICT, "strict": False}),
    (Form.OBJECT, {"type": "json_object"}),
    (Form.PROMPT, None),
]


@pytest.mark.parametrize(("form", "expected"), FORMATS, ids=[form.name for form, _ in FORMATS])
def test_output_schema(form: Form, expected: dict[str, Any] | None) -> None:
    """The schema goes into `text.format`."""
    body = responses_body(ask(output=OutputSchema(name="form", json_schema=SCHEMA)), form=form)

    assert body.get("text") == (None if expected is None else {"format": expected})


@dataclass(frozen=True)
class Answer:
    """A response's body, and what is read from it."""

    id: str
    body: dict[str, Any]
    expected: ModelAnswer | None


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    """A message with these parts."""
    return {"type": "message", "content": list(parts)}


USAGE = {"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}}
HI = message({"type": "output_text", "text": "hi"})

ANSWERS = [
    Answer(
        "text",
        {"output": [{"type": "reasoning"}, HI], "id": "r1", "model": "m", "usage": USAGE},
        ModelAnswer("hi", tokens=ReportedTokens(10, 5, 4), model="m", response_id="r1"),
    ),
    Answer("several parts", {"output": [message({"type": "output_text", "text": "a"}), HI]}, ModelAnswer("ahi")),
    Answer("refusal", {"output": [message({"type": "refusal", "refusal": "no"})]}, ModelAnswer("", refusal="no")),
    Answer(
        "cut off",
        {"output": [HI], "incomplete_details": {"reason": "max_output_tokens"}},
        ModelAnswer("hi", finish="length"),
    ),
    Answer(
        "filtered",
        {"output": [], "incomplete_details": {"reason": "content_filter"}},
        ModelAnswer("", finish="content_filter"),
    ),
    Answer("tool calls", {"output": [{"type": "function_call"}]}, ModelAnswer("", finish="tool_calls")),
    Answer("another API", {"choices": []}, None),
]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_responses_answer(case: Answer) -> None:
    """Text, refusals and the reason of the end are read from the output's items."""
    assert responses_answer(case.body) == case.expected


FAILURES = [
    ({"status": "completed", "error": None}, None),
    (
        {"status": "failed", "error": {"code": "server_error", "message": "oops"}},
        HttpFailure(500, "oops", "server_error"),
    ),
    (
        {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}},
        HttpFailure(429, "slow", "rate_limit_exceeded"),
    ),
    (
        {"status": "failed", "error": {"code": "invalid_image", "message": "bad"}},
        HttpFailure(400, "bad", "invalid_image"),
    ),
    ({"status": "failed"}, HttpFailure(400, "", "failed")),
]


@pytest.mark.parametrize(("body", "expected"), FAILURES, ids=[str(body)[:60] for body, _ in FAILURES])
def test_responses_failure(body: dict[str, Any], expected: HttpFailure | None) -> None:
    """A failure in a response with HTTP status 200 counts as the status that says the same."""
    assert responses_failure(body) == expected
