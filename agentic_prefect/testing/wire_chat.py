"""Chat Completions: what a request says, and the bodies and stream events of its answer."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from agentic_prefect.testing.completion import Completion
from agentic_prefect.testing.request import ToolOffer
from agentic_prefect.testing.wire_text import CREATED_AT, flat_text, part_of, pieces, sse

SYSTEM_FINGERPRINT = "fp_scripted"


def prompt_text(body: Mapping[str, Any]) -> str:
    """The text of all messages, tool calls and tool results included, joined with line ends."""
    return "\n".join(part for message in body["messages"] for part in _message_texts(message))


def output_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The JSON Schema that the answer must follow; any object for `json_object`; `None` for free text."""
    form = part_of(body, "response_format")
    match form.get("type"):
        case "json_schema":
            return form["json_schema"].get("schema") or {"type": "object"}
        case "json_object":
            return {"type": "object"}
        case _:
            return None


def strict_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema that was sent with `strict: true`; `None` when there is none."""
    form = part_of(body, "response_format", "json_schema")
    return form.get("schema") if form.get("strict") else None


def tools(body: Mapping[str, Any]) -> tuple[tuple[ToolOffer, ...], str | None]:
    """The tools that are offered, and the one that the model must call."""
    functions = [tool["function"] for tool in body.get("tools") or () if tool.get("type") == "function"]
    offers = tuple(ToolOffer(item["name"], item.get("parameters") or {"type": "object"}) for item in functions)
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping):
        named = cast("Mapping[str, Any]", choice)
        return offers, named.get("function", {}).get("name")
    return offers, offers[0].name if choice == "required" and offers else None


def body_of(said: Completion) -> dict[str, Any]:
    """The body of a response that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": said.refusal, "annotations": []}
    if said.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in said.tool_calls
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish}
    usage = {} if said.usage is None else {"usage": _usage(said)}
    return {**_envelope(said, "chat.completion"), "choices": [choice], **usage}


def events_of(said: Completion, *, include_usage: bool) -> list[bytes]:
    """The events of a streamed response, the end mark included.

    Args:
        include_usage: Whether a last chunk without choices carries the token numbers (`stream_options`).
    """
    numbered = include_usage and said.usage is not None
    envelope = _envelope(said, "chat.completion.chunk") | ({"usage": None} if numbered else {})
    chunks: list[dict[str, Any]] = [
        envelope | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
        for delta, finish in _deltas(said)
    ]
    if numbered:
        chunks.append(envelope | {"choices": [], "usage": _usage(said)})
    return [*(sse(chunk) for chunk in chunks), b"data: [DONE]\n\n"]


def error_event(message: str, code: str) -> bytes:
    """The event with which a stream breaks off."""
    return sse({"error": {"message": message, "type": "server_error", "param": None, "code": code}})


def _message_texts(message: Mapping[str, Any]) -> Iterator[str]:
    if text := flat_text(message.get("content")):
        yield text
    for call in message.get("tool_calls") or ():
        yield f"{call['function']['name']} {call['function']['arguments']}"


def _envelope(said: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{said.number}",
        "object": kind,
        "created": CREATED_AT,
        "model": said.model,
        "service_tier": "default",
        "system_fingerprint": SYSTEM_FINGERPRINT,
    }


def _usage(said: Completion) -> dict[str, Any]:
    assert said.usage is not None
    return {
        "prompt_tokens": said.usage.input_tokens,
        "completion_tokens": said.usage.output_tokens,
        "total_tokens": said.usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": said.usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": said.usage.reasoning_tokens, "audio_tokens": 0},
    }


def _deltas(said: Completion) -> Iterator[tuple[dict[str, Any], str | None]]:
    yield {"role": "assistant", "content": None if said.text is None else "", "refusal": None}, None
    for piece in pieces(said.text or ""):
        yield {"content": piece}, None
    for piece in pieces(said.refusal or ""):
        yield {"refusal": piece}, None
    for index, call in enumerate(said.tool_calls):
        head = {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        yield {"tool_calls": [head]}, None
        for piece in pieces(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None
    yield {}, said.finish
