"""Responses: a request's body, and a response's body read. Pure."""

from collections.abc import Mapping
from typing import Any

from agentic_prefect.errors import InvalidRequest
from agentic_prefect.llm.answer_form import Form, messages_for
from agentic_prefect.llm.error_map import HttpFailure
from agentic_prefect.llm.lenient import count, mapping, sequence, text
from agentic_prefect.llm.model_answer import Finish, ModelAnswer, ReportedTokens
from agentic_prefect.llm.wire_schema import wire_schema
from agentic_prefect.models.chat import ChatRequest, Message
from agentic_prefect.models.usage import Usage

PATH = "/responses"

_FINISH: Mapping[str, Finish] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_FAILED_STATUS = {"rate_limit_exceeded": 429, "server_error": 500, "invalid_prompt": 400}
"""HTTP statuses that say the same as the code of a failed response; every other code is a 400."""


def responses_body(request: ChatRequest, *, form: Form | None, with_lengths: bool = True) -> dict[str, Any]:
    """The body to send; of the settings only those that are set.

    Args:
        form: How the answer's form is enforced; `None` without an output schema.
        with_lengths: Whether lengths of strings stay in the schema.

    Raises:
        InvalidRequest: A setting is set that this API does not have.
    """
    given = request.settings
    absent = [name for name in ("seed", "stop") if getattr(given, name) is not None]
    if absent:
        error = InvalidRequest(
            f"The Responses API has no {' and no '.join(repr(name) for name in absent)}. Leave it out of the settings, "
            f"or set `api: chat` on the connection."
        )
        error.usage = Usage()
        raise error
    text_format = _text_format(request, form, with_lengths=with_lengths)
    named = {
        "temperature": given.temperature,
        "top_p": given.top_p,
        "max_output_tokens": given.max_output_tokens,
        "reasoning": None if given.reasoning_effort is None else {"effort": given.reasoning_effort},
        "text": None if text_format is None else {"format": text_format},
    }
    return {
        "model": request.model,
        "input": [{"role": message.role, "content": _content(message)} for message in messages_for(request, form)],
        **{name: value for name, value in named.items() if value is not None},
        **given.extra,
    }


def responses_answer(body: Mapping[str, Any]) -> ModelAnswer | None:
    """What a response says; `None` when it is none of this API."""
    if not isinstance(body.get("output"), list):
        return None
    items = [mapping(item) for item in sequence(body["output"])]
    messages = [item for item in items if item.get("type") == "message"]
    parts = [mapping(part) for item in messages for part in sequence(item.get("content"))]
    refusals = [text(part.get("refusal")) for part in parts if part.get("type") == "refusal"]
    calls = any(item.get("type") == "function_call" for item in items)
    reason = str(mapping(body.get("incomplete_details")).get("reason"))
    return ModelAnswer(
        text="".join(text(part.get("text")) for part in parts if part.get("type") == "output_text"),
        refusal="\n".join(refusals) or None,
        finish=_FINISH.get(reason, "tool_calls" if calls else "stop"),
        tokens=_tokens(body.get("usage")),
        model=text(body.get("model")),
        response_id=text(body.get("id")) or None,
    )


def responses_failure(body: Mapping[str, Any]) -> HttpFailure | None:
    """The failure that a response with HTTP status 200 reports; `None` when it reports none."""
    if body.get("status") != "failed":
        return None
    error = mapping(body.get("error"))
    code = text(error.get("code")) or "failed"
    return HttpFailure(status=_FAILED_STATUS.get(code, 400), message=text(error.get("message")), code=code)


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    images = [{"type": "input_image", "image_url": image.url, "detail": image.detail} for image in message.images]
    return [{"type": "input_text", "text": message.content}, *images]


def _text_format(request: ChatRequest, form: Form | None, *, with_lengths: bool) -> dict[str, Any] | None:
    if request.output is None or form is None or form is Form.PROMPT:
        return None
    if form is Form.OBJECT:
        return {"type": "json_object"}
    wire = wire_schema(request.output, with_lengths=with_lengths)
    return {"type": "json_schema", "name": wire.name, "schema": wire.schema, "strict": form is Form.STRICT}


def _tokens(usage: Any) -> ReportedTokens | None:
    numbers = mapping(usage)
    if not numbers:
        return None
    details = mapping(numbers.get("input_tokens_details"))
    return ReportedTokens(
        input=count(numbers.get("input_tokens")),
        output=count(numbers.get("output_tokens")),
        cached=count(details.get("cached_tokens")),
    )
