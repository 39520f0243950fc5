"""A request to a scripted model, as its rules, its records and the tests see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Api = Literal["chat", "responses", "in_process"]
"""Chat Completions or Responses over HTTP, or a call of `ScriptedChatModel`."""


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool that the request offers to the model."""

    name: str
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments."""


@dataclass(frozen=True, slots=True)
class ScriptedRequest:
    """One request. The record of it is replaced when the answer is out, never changed."""

    number: int
    """Counted from 1, in the order of arrival."""
    api: Api
    model: str
    prompt_text: str
    """The text of all messages (instructions, tool results and arguments included), joined with line ends."""
    output_schema: Mapping[str, Any] | None = None
    """The JSON Schema that the answer must follow; `None` when the request gives none."""
    tools: tuple[ToolOffer, ...] = ()
    obliged_tool: str | None = None
    """The tool that the request obliges the model to call; `None` leaves it free."""
    stream: bool = False
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The request's JSON; empty when it could not be parsed."""
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names in lower case; the key is masked."""
    api_key: str | None = field(default=None, repr=False)
    """The key that was sent; `None` when there was none."""
    received_at: float = 0.0
    """Seconds on the monotonic clock when the whole request had arrived."""
    answered_at: float | None = None
    """Seconds on the monotonic clock when the response was out; `None` while it is not, and for good when it broke."""
    status: int | None = None
    """The HTTP status that was sent; `None` while or because none was."""

    @property
    def is_answered(self) -> bool:
        """Whether the whole response went out."""
        return self.answered_at is not None
