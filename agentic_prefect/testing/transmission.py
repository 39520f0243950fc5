"""What goes out on the socket for an answer: decided here, carried out by the connection."""

from dataclasses import dataclass
from typing import Literal, assert_never

from agentic_prefect.testing import wire_chat, wire_responses
from agentic_prefect.testing.completion import complete
from agentic_prefect.testing.request import ScriptedRequest
from agentic_prefect.testing.script import (
    Answer,
    DropFault,
    HangFault,
    MalformedFault,
    Reply,
    Sent,
    StatusFault,
    StreamErrorFault,
)
from agentic_prefect.testing.wire_errors import error_body, wait_headers
from agentic_prefect.testing.wire_text import dump, part_of

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Transmission:
    """One HTTP response, whole or broken."""

    status: int | None
    """`None` sends no byte."""
    headers: tuple[tuple[str, str], ...]
    parts: tuple[bytes, ...]
    """The body; each part is one write."""
    ending: Literal["whole", "drop", "hang"] = "whole"
    """What happens after the last part: the response ends, the connection closes, or nothing ever."""
    pace_s: float = 0.0
    """Seconds between the parts."""


def transmission_of(answer: Answer, request: ScriptedRequest, *, now_s: float) -> Transmission:
    """The response that carries `answer` to `request`.

    Args:
        now_s: Seconds since 1970, for `Retry-After` as a date.

    Raises:
        EchoImpossible: The answer echoes a schema that has no instance that could be made up.
    """
    match answer:
        case Reply():
            return _reply(answer, request)
        case StatusFault():
            return error_transmission(answer, request.number, now_s=now_s)
        case HangFault():
            return _broken(_reply(answer.reply, request), answer.sent, "hang")
        case DropFault():
            return _broken(_reply(answer.reply, request), answer.sent, "drop")
        case MalformedFault():
            return _malformed(answer, request)
        case StreamErrorFault():
            return _stream_error(answer, request, now_s=now_s)
        case _:
            assert_never(answer)


def error_transmission(fault: StatusFault, number: int, *, now_s: float) -> Transmission:
    """The response that carries an HTTP error to request `number`."""
    body = dump(error_body(fault)) if fault.body is None else fault.body.encode()
    kind = JSON if fault.body is None else "text/html; charset=utf-8"
    extra = {**wait_headers(fault, now_s=now_s), **fault.headers}
    return _whole(fault.status, kind, body, number, extra)


def json_transmission(value: object) -> Transmission:
    """A response that has nothing to do with a model."""
    return _whole(200, JSON, dump(value), None, {})


def _whole(status: int, kind: str, body: bytes, number: int | None, extra: dict[str, str]) -> Transmission:
    length = ("content-length", str(len(body)))
    return Transmission(status=status, headers=(*_headers(kind, number, extra), length), parts=(body,))


def _headers(kind: str, number: int | None, extra: dict[str, str]) -> tuple[tuple[str, str], ...]:
    numbered = () if number is None else (("x-request-id", f"req_{number}"),)
    return (("content-type", kind), *numbered, *extra.items())


def _reply(reply: Reply, request: ScriptedRequest) -> Transmission:
    said = complete(reply, request)
    if not request.stream:
        body = wire_chat.body_of(said) if request.api == "chat" else wire_responses.body_of(said, request.body)
        return _whole(200, JSON, dump(body), request.number, reply.headers)
    if request.api == "chat":
        options = part_of(request.body, "stream_options")
        events = wire_chat.events_of(said, include_usage=bool(options.get("include_usage")))
    else:
        events = wire_responses.events_of(said, request.body)
    headers = (*_headers(EVENTS, request.number, reply.headers), ("transfer-encoding", "chunked"))
    return Transmission(status=200, headers=headers, parts=tuple(events), pace_s=reply.pace_s)


def _broken(whole: Transmission, sent: Sent, ending: Literal["drop", "hang"]) -> Transmission:
    match sent:
        case "nothing":
            return Transmission(status=None, headers=(), parts=(), ending=ending)
        case "head":
            return Transmission(status=whole.status, headers=whole.headers, parts=(), ending=ending)
        case "half":
            return Transmission(
                status=whole.status, headers=whole.headers, parts=_half(whole.parts), ending=ending, pace_s=whole.pace_s
            )


def _half(parts: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Half of the events of a stream, or of the bytes of a body."""
    if len(parts) > 1:
        return parts[: len(parts) // 2]
    return tuple(part[: len(part) // 2] for part in parts)


def _malformed(fault: MalformedFault, request: ScriptedRequest) -> Transmission:
    if not request.stream:
        return _whole(200, JSON, fault.body.encode(), request.number, {})
    headers = (*_headers(EVENTS, request.number, {}), ("transfer-encoding", "chunked"))
    return Transmission(status=200, headers=headers, parts=(b"data: " + fault.body.encode() + b"\n\n",))


def _stream_error(fault: StreamErrorFault, request: ScriptedRequest, *, now_s: float) -> Transmission:
    if not request.stream:
        status = StatusFault(status=500, message=fault.message, code=fault.code)
        return error_transmission(status, request.number, now_s=now_s)
    whole = _reply(fault.reply, request)
    sent = _half(whole.parts)
    error = (
        wire_chat.error_event(fault.message, fault.code)
        if request.api == "chat"
        else wire_responses.error_event(fault.message, fault.code, len(sent))
    )
    return Transmission(status=200, headers=whole.headers, parts=(*sent, error), pace_s=whole.pace_s)
