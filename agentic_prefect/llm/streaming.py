"""Streamed answers put together: the events of either API become the body that would have come in one piece. Pure."""

from collections.abc import Mapping
from typing import Any, Protocol

from agentic_prefect.errors import ConnectionLost
from agentic_prefect.llm.error_map import HttpRefusal, failure_of
from agentic_prefect.llm.lenient import mapping, sequence, text


class Assembly(Protocol):
    """Takes events one by one."""

    options: Mapping[str, Any]
    """Fields that the request needs for a stream."""

    def add(self, event: Mapping[str, Any]) -> str:
        """The text that `event` adds to the answer; usually a few letters, often none.

        Raises:
            HttpRefusal: The event is an error.
        """
        ...

    def body(self) -> Mapping[str, Any]:
        """The whole body.

        Raises:
            ConnectionLost: The stream ended before the answer did.
        """
        ...


class ChatAssembly:
    """Puts chunks of Chat Completions together."""

    options: Mapping[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._finish: str | None = None
        self._envelope: dict[str, Any] = {}

    def add(self, event: Mapping[str, Any]) -> str:
        """The text that a chunk adds."""
        _raise_error(event)
        for name in ("id", "model", "usage"):
            if event.get(name):
                self._envelope[name] = event[name]
        choice = mapping(next(iter(sequence(event.get("choices"))), None))
        delta = mapping(choice.get("delta"))
        said = text(delta.get("content"))
        self._text.append(said)
        self._refusal.append(text(delta.get("refusal")))
        self._finish = text(choice.get("finish_reason")) or self._finish
        return said

    def body(self) -> Mapping[str, Any]:
        """A chat completion."""
        if self._finish is None:
            raise _broken_off()
        message = {"role": "assistant", "content": "".join(self._text), "refusal": "".join(self._refusal) or None}
        return {**self._envelope, "choices": [{"index": 0, "message": message, "finish_reason": self._finish}]}


class ResponsesAssembly:
    """Waits for the last event of the Responses API, which repeats the whole response."""

    options: Mapping[str, Any] = {"stream": True}

    def __init__(self) -> None:
        self._body: Mapping[str, Any] | None = None

    def add(self, event: Mapping[str, Any]) -> str:
        """The text that an event adds."""
        match text(event.get("type")):
            case "response.output_text.delta":
                return text(event.get("delta"))
            case "response.completed" | "response.incomplete" | "response.failed":
                self._body = mapping(event.get("response"))
            case "error":
                raise HttpRefusal(failure_of(event, status=None, headers={}))
            case _:
                _raise_error(event)
        return ""

    def body(self) -> Mapping[str, Any]:
        """A response."""
        if self._body is None:
            raise _broken_off()
        return self._body


def _raise_error(event: Mapping[str, Any]) -> None:
    if event.get("error"):
        raise HttpRefusal(failure_of(event["error"], status=None, headers={}))


def _broken_off() -> ConnectionLost:
    return ConnectionLost("The stream ended before the answer was complete.")
