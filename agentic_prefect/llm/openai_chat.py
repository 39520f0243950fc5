"""Chat Completions: a request's body, and a response's body read. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from agentic_prefect.errors import ErrorCode
from agentic_prefect.llm.answer_form import Form, messages_for
from agentic_prefect.llm.error_map import HttpFailure, classify
from agentic_prefect.llm.lenient import count, flat_text, mapping, sequence, text
from agentic_prefect.llm.model_answer import Finish, ModelAnswer, ReportedTokens
from agentic_prefect.llm.wire_schema import wire_schema
from agentic_prefect.models.chat import ChatRequest, Message

PATH = "/chat/completions"

LimitField = Literal["max_completion_tokens", "max_tokens"]
"""OpenAI's newer models know only the first, many compatible servers only the second."""

_FINISH: Mapping[str, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
"""Every other reason is `stop`."""


_UNKNOWN = re.compile(r"unsupported|not supported|unrecognized|unknown|unexpected|not permitted|forbidden")


def chat_body(
    request: ChatRequest, *, form: Form | None, limit_field: LimitField, with_lengths: bool = True
) -> dict[str, Any]:
    """The body to send; of the settings only those that are set.

    Args:
        form: How the answer's form is enforced; `None` without an output schema.
        limit_field: Under which name the limit of output tokens goes.
        with_lengths: Whether lengths of strings stay in the schema.
    """
    given = request.settings
    named = {
        "temperature": given.temperature,
        "top_p": given.top_p,
        limit_field: given.max_output_tokens,
        "seed": given.seed,
        "stop": None if given.stop is None else list(given.stop),
        "reasoning_effort": given.reasoning_effort,
        "response_format": _response_format(request, form, with_lengths=with_lengths),
    }
    messages = [{"role": message.role, "content": _content(message)} for message in messages_for(request, form)]
    return {
        "model": request.model,
        "messages": messages,
        **{name: value for name, value in named.items() if value is not None},
        **given.extra,
    }


def refuses_limit(failure: HttpFailure, field: LimitField) -> bool:
    """Whether a server does not know the limit of output tokens by this name, as opposed to finding it too large."""
    unknown = classify(failure) is ErrorCode.INVALID_REQUEST and _UNKNOWN.search(failure.said)
    return bool(unknown) and field in failure.said


def other_limit_field(field: LimitField) -> LimitField:
    """The other name of the limit of output tokens."""
    return "max_tokens" if field == "max_completion_tokens" else "max_completion_tokens"


def chat_answer(body: Mapping[str, Any]) -> ModelAnswer | None:
    """What a response says; `None` when it is no chat completion."""
    choice = mapping(next(iter(sequence(body.get("choices"))), None))
    message = mapping(choice.get("message"))
    if not message:
        return None
    return ModelAnswer(
        text=flat_text(message.get("content")),
        refusal=text(message.get("refusal")) or None,
        finish=_FINISH.get(str(choice.get("finish_reason")), "stop"),
        tokens=_tokens(body.get("usage")),
        model=text(body.get("model")),
        response_id=text(body.get("id")) or None,
    )


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    images = [
        {"type": "image_url", "image_url": {"url": image.url, "detail": image.detail}} for image in message.images
    ]
    return [{"type": "text", "text": message.content}, *images]


def _response_format(request: ChatRequest, form: Form | None, *, with_lengths: bool) -> dict[str, Any] | None:
    if request.output is None or form is None or form is Form.PROMPT:
        return None
    if form is Form.OBJECT:
        return {"type": "json_object"}
    wire = wire_schema(request.output, with_lengths=with_lengths)
    described = {"name": wire.name, "schema": wire.schema, "strict": form is Form.STRICT}
    return {"type": "json_schema", "json_schema": described}


def _tokens(usage: Any) -> ReportedTokens | None:
    numbers = mapping(usage)
    if not numbers:
        return None
    details = mapping(numbers.get("prompt_tokens_details"))
    return ReportedTokens(
        input=count(numbers.get("prompt_tokens")),
        output=count(numbers.get("completion_tokens")),
        cached=count(details.get("cached_tokens")),
    )
