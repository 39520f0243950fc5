"""Responses: what a request says, and the bodies and stream events of its answer."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from agentic_prefect.testing.completion import Completion, SaidToolCall
from agentic_prefect.testing.request import ToolOffer
from agentic_prefect.testing.wire_text import CREATED_AT, flat_text, part_of, pieces, sse

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_MIRRORED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Fields of the request that the response repeats, with their values when the request does not set them."""


def prompt_text(body: Mapping[str, Any]) -> str:
    """The text of instructions and input, tool calls and tool results included, joined with line ends."""
    given = body["input"]
    texts = [given] if isinstance(given, str) else [part for item in given for part in _item_texts(item)]
    return "\n".join([body["instructions"], *texts] if body.get("instructions") else texts)


def output_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The JSON Schema that the answer must follow; any object for `json_object`; `None` for free text."""
    form = part_of(body, "text", "format")
    match form.get("type"):
        case "json_schema":
            return form.get("schema") or {"type": "object"}
        case "json_object":
            return {"type": "object"}
        case _:
            return None


def strict_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema that was sent with `strict: true`; `None` when there is none."""
    form = part_of(body, "text", "format")
    return form.get("schema") if form.get("strict") else None


def tools(body: Mapping[str, Any]) -> tuple[tuple[ToolOffer, ...], str | None]:
    """The tools that are offered, and the one that the model must call."""
    functions = [tool for tool in body.get("tools") or () if tool.get("type") == "function"]
    offers = tuple(ToolOffer(item["name"], item.get("parameters") or {"type": "object"}) for item in functions)
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping):
        return offers, cast("Mapping[str, Any]", choice).get("name")
    return offers, offers[0].name if choice == "required" and offers else None


def body_of(said: Completion, request: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a response that is not streamed.

    Args:
        request: The request's body, parts of which the response repeats.
    """
    status, reason = _status(said)
    return _envelope(said, request) | {
        "status": status,
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": _output(said, status),
        "usage": _usage(said),
    }


def events_of(said: Completion, request: Mapping[str, Any]) -> list[bytes]:
    """The events of a streamed response."""
    started = _envelope(said, request) | {"status": "in_progress", "incomplete_details": None}
    started |= {"output": [], "usage": None}
    status, _ = _status(said)
    steps = [
        ("response.created", {"response": started}),
        ("response.in_progress", {"response": started}),
        *(step for index, item in enumerate(_output(said, status)) for step in _item_steps(item, index)),
        (f"response.{status}", {"response": body_of(said, request)}),
    ]
    return [sse({"type": kind, "sequence_number": n, **data}, kind) for n, (kind, data) in enumerate(steps)]


def error_event(message: str, code: str, sequence_number: int) -> bytes:
    """The event with which a stream breaks off."""
    data = {"type": "error", "sequence_number": sequence_number, "code": code, "message": message, "param": None}
    return sse(data, "error")


def _item_texts(item: Mapping[str, Any]) -> Iterator[str]:
    match item.get("type", "message"):
        case "message":
            yield flat_text(item.get("content"))
        case "function_call":
            yield f"{item['name']} {item['arguments']}"
        case "function_call_output":
            yield flat_text(item.get("output"))
        case _:
            return


def _status(said: Completion) -> tuple[str, str | None]:
    reason = _INCOMPLETE.get(said.finish)
    return ("completed" if reason is None else "incomplete"), reason


def _envelope(said: Completion, request: Mapping[str, Any]) -> dict[str, Any]:
    mirrored = {name: request.get(name, value) for name, value in _MIRRORED.items()}
    return {
        "id": f"resp_{said.number}",
        "object": "response",
        "created_at": CREATED_AT,
        "background": False,
        "error": None,
        "model": said.model,
        "service_tier": "default",
        **mirrored,
    }


def _usage(said: Completion) -> dict[str, Any] | None:
    if said.usage is None:
        return None
    return {
        "input_tokens": said.usage.input_tokens,
        "input_tokens_details": {"cached_tokens": said.usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": said.usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": said.usage.reasoning_tokens},
        "total_tokens": said.usage.total_tokens,
    }


def _output(said: Completion, status: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    part: dict[str, Any] | None = None
    if said.refusal is not None:
        part = {"type": "refusal", "refusal": said.refusal}
    elif said.text is not None:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
    if part is not None:
        items.append(_message(said.number, status, [part]))
    return [*items, *(_call(said.number, index, call) for index, call in enumerate(said.tool_calls))]


def _message(number: int, status: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": f"msg_{number}", "type": "message", "status": status, "role": "assistant", "content": parts}


def _call(number: int, index: int, call: SaidToolCall) -> dict[str, Any]:
    return {
        "id": f"fc_{number}_{index}",
        "type": "function_call",
        "status": "completed",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def _item_steps(item: dict[str, Any], index: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events that build one item of the output."""
    empty: dict[str, Any] = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
    yield "response.output_item.added", {"output_index": index, "item": {**item, "status": "in_progress", **empty}}
    place: dict[str, Any] = {"item_id": item["id"], "output_index": index}
    if item["type"] == "function_call":
        for piece in pieces(item["arguments"]):
            yield "response.function_call_arguments.delta", {**place, "delta": piece}
        done = {**place, "name": item["name"], "arguments": item["arguments"]}
        yield "response.function_call_arguments.done", done
    else:
        for number, part in enumerate(item["content"]):
            yield from _part_steps(part, {**place, "content_index": number})
    yield "response.output_item.done", {"output_index": index, "item": item}


def _part_steps(part: dict[str, Any], place: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events that build one part of a message."""
    key = "refusal" if part["type"] == "refusal" else "text"
    kind = "response.refusal" if key == "refusal" else "response.output_text"
    beside: dict[str, Any] = {} if key == "refusal" else {"logprobs": []}
    yield "response.content_part.added", {**place, "part": {**part, key: ""}}
    for piece in pieces(part[key]):
        yield f"{kind}.delta", {**place, "delta": piece, **beside}
    yield f"{kind}.done", {**place, key: part[key], **beside}
    yield "response.content_part.done", {**place, "part": part}
