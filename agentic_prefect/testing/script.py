"""What a scripted model answers, as plain data: rules, replies and faults, in Python or as a JSON file."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from agentic_prefect.models.base import Frozen
from agentic_prefect.testing.request import Api, ScriptedRequest

Finish = Literal["stop", "length", "tool_calls", "content_filter"]
"""Why the model stopped, in the words of Chat Completions; the Responses API gets its own words for the same."""

Sent = Literal["nothing", "head", "half"]
"""How much of the HTTP response goes out before a fault: no byte, status line and headers, or half of the body."""


class Text(Frozen):
    """The model says this text."""

    kind: Literal["text"] = "text"
    text: str


class Json(Frozen):
    """The model says this value, written as JSON."""

    kind: Literal["json"] = "json"
    value: JsonValue


class Echo(Frozen):
    """The model fills in what was asked for: a small valid instance of the requested JSON schema.

    Without a schema it says a sentence that is the same for equal prompts and different for different ones. When the
    request obliges it to call a tool, it calls that tool with a valid instance of the tool's parameters.
    """

    kind: Literal["echo"] = "echo"
    array_items: int = Field(default=1, ge=0)
    """Items in each array, as far as its `minItems` and `maxItems` allow."""
    defect: Literal["none", "truncated", "breaks_schema"] = "none"
    """`truncated` cuts the JSON off in its middle; `breaks_schema` is valid JSON of another form."""


class Refusal(Frozen):
    """The model declines."""

    kind: Literal["refusal"] = "refusal"
    text: str = "I'm sorry, but I can't help with that."


class ToolCall(Frozen):
    """One call of a tool that the model asks for."""

    name: str
    arguments: dict[str, JsonValue] | str = Field(default_factory=dict[str, JsonValue])
    """The arguments; a string is sent as it stands, so that it may be broken JSON."""
    id: str | None = None
    """`None` numbers the calls: `call_1_0` is the first call in the answer to the first request."""


class ToolCalls(Frozen):
    """The model asks for tools to be called."""

    kind: Literal["tool_calls"] = "tool_calls"
    calls: tuple[ToolCall, ...] = Field(min_length=1)
    text: str | None = None
    """What it says beside; `None` is nothing."""


class ReportedUsage(Frozen):
    """Token numbers that a reply reports."""

    input_tokens: int | None = Field(default=None, ge=0)
    """`None` counts the prompt (see `count_tokens`)."""
    output_tokens: int | None = Field(default=None, ge=0)
    """`None` counts the answer."""
    cached_tokens: int = Field(default=0, ge=0)
    """Part of the input that came out of the prompt cache."""
    reasoning_tokens: int = Field(default=0, ge=0)
    """Part of the output that was spent on reasoning."""


class AnswerBase(Frozen):
    """What every answer can do: wait some time, or wait for `server.release()`."""

    delay_s: float = Field(default=0.0, ge=0)
    """Seconds between the request and the first byte of the response."""
    held: bool = False
    """The answer waits until the test lets it go; the delay counts from then."""

    def delayed(self, delay_s: float) -> Self:
        """The same answer, `delay_s` seconds late."""
        return self.model_copy(update={"delay_s": delay_s})

    def on_hold(self) -> Self:
        """The same answer, waiting for `server.release()`."""
        return self.model_copy(update={"held": True})


def _content(value: Any) -> Any:
    return {"kind": "text", "text": value} if isinstance(value, str) else value


Content = Annotated[
    Annotated[Text | Json | Echo | Refusal | ToolCalls, Field(discriminator="kind")], BeforeValidator(_content)
]


class Reply(AnswerBase):
    """A well-formed answer of the model, with HTTP status 200."""

    kind: Literal["reply"] = "reply"
    content: Content = Echo()
    """In a script file a plain string stands for its text."""
    finish: Finish | None = None
    """`None` is what follows from the content: `tool_calls` for tool calls, else `stop`."""
    usage: ReportedUsage | Literal["counted", "absent"] = "counted"
    """`absent` leaves the numbers out, as some compatible servers do."""
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    """Further headers of the response, such as `x-ratelimit-remaining-requests`."""
    pace_s: float = Field(default=0.0, ge=0)
    """Seconds between the events of a stream."""

    @classmethod
    def text(cls, text: str, *, usage: ReportedUsage | Literal["counted", "absent"] = "counted") -> Self:
        """The model says `text`."""
        return cls(content=Text(text=text), usage=usage)

    @classmethod
    def json_value(cls, value: JsonValue, *, usage: ReportedUsage | Literal["counted", "absent"] = "counted") -> Self:
        """The model says `value`, written as JSON."""
        return cls(content=Json(value=value), usage=usage)

    @classmethod
    def echo(cls, *, array_items: int = 1) -> Self:
        """The model fills in the requested schema; this is what a server without a script answers."""
        return cls(content=Echo(array_items=array_items))

    @classmethod
    def tools(cls, *calls: ToolCall, text: str | None = None) -> Self:
        """The model asks for `calls`."""
        return cls(content=ToolCalls(calls=calls, text=text))

    @classmethod
    def hold(cls) -> Self:
        """An echo that waits for `server.release()`; `on_hold()` does the same for any other answer."""
        return cls(held=True)


class StatusFault(AnswerBase):
    """An HTTP error with the body that OpenAI sends."""

    kind: Literal["status"] = "status"
    status: int = Field(ge=400, le=599)
    message: str | None = None
    """`None` is the usual message of that status."""
    error_type: str | None = None
    """`None` is the usual type of that status, for instance `server_error`."""
    code: str | None = None
    """`None` is the usual code of that status, which may be none at all."""
    retry_after_s: float | None = Field(default=None, ge=0)
    """Seconds the client is asked to wait; `None` sends no such header."""
    retry_after_form: Literal["seconds", "date", "milliseconds"] = "seconds"
    """`Retry-After` in seconds or as an HTTP date (whole seconds), or `retry-after-ms`."""
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    body: str | None = None
    """Sent in place of OpenAI's error body, for instance a proxy's HTML page."""


class HangFault(AnswerBase):
    """The response stops and never goes on, until the client goes away or the server is reset or stopped."""

    kind: Literal["hang"] = "hang"
    sent: Sent = "nothing"
    reply: Reply = Reply()
    """The response that never arrives whole."""


class DropFault(AnswerBase):
    """The connection is closed before the response is whole."""

    kind: Literal["drop"] = "drop"
    sent: Sent = "nothing"
    reply: Reply = Reply()
    """The response that never arrives whole."""


class MalformedFault(AnswerBase):
    """HTTP status 200 and a body that is not JSON; in a stream, an event that is not JSON."""

    kind: Literal["malformed"] = "malformed"
    body: str = '{"id": "scripted", "choices": [{"mess'


class StreamErrorFault(AnswerBase):
    """A stream that breaks off in its middle with an error event; without a stream, HTTP status 500."""

    kind: Literal["stream_error"] = "stream_error"
    message: str = "The server had an error while processing your request. Sorry about that!"
    code: str = "server_error"
    reply: Reply = Reply()
    """The response that never arrives whole."""


Answer = Annotated[
    Reply | StatusFault | HangFault | DropFault | MalformedFault | StreamErrorFault, Field(discriminator="kind")
]
ANSWER_TYPES = (Reply, StatusFault, HangFault, DropFault, MalformedFault, StreamErrorFault)

AnswerFunction = Callable[[ScriptedRequest], Answer]
"""Computes an answer; runs in the server's thread, so it must not block. What it raises is sent as HTTP status 400."""


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from error
    return value


class Match(Frozen):
    """Which requests a rule is for: all conditions that are set must hold, none set is every request."""

    text: str | None = None
    """Part of the text of all messages together, in the same case."""
    pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    """Regular expression that is found in that text; a dot matches line ends too."""
    model: str | None = None
    """The model's whole name."""
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    """Headers with their whole values; names in any case."""
    api: Api | None = None


def _match(value: Any) -> Any:
    if isinstance(value, re.Pattern):
        return Match(pattern=_source(cast("re.Pattern[str]", value)))
    if isinstance(value, str):
        return Match(text=value)
    return Match() if value is None else value


def _source(pattern: re.Pattern[str]) -> str:
    """The pattern with its flags written into it."""
    named = (("i", re.IGNORECASE), ("m", re.MULTILINE), ("x", re.VERBOSE))
    flags = "".join(letter for letter, flag in named if pattern.flags & flag)
    return f"(?{flags}:{pattern.pattern})" if flags else pattern.pattern


class Rule(Frozen):
    """For requests like this, these answers."""

    when: Annotated[Match, BeforeValidator(_match)] = Match()
    """In a script file a plain string stands for its text."""
    answers: tuple[Answer | AnswerFunction, ...] = Field(default=(Reply(),), min_length=1)
    """One after the other; the last one answers all further requests."""
    skip: int = Field(default=0, ge=0)
    """That many matching requests are left to the rules after this one before it answers."""
    times: int | None = Field(default=None, gt=0)
    """How many requests it answers; after that the rules after it have their turn. `None` is all of them."""


class Script(Frozen):
    """A scripted model: the first rule that matches and has answers left decides, else the default does."""

    rules: tuple[Rule, ...] = ()
    default: Answer | AnswerFunction = Reply()
    api_key: str | None = None
    """The key that requests must carry; `None` accepts every key and none."""
    models: tuple[str, ...] | None = None
    """Every other model is answered with HTTP status 404; `None` knows all names."""
    checks_strict_schemas: bool = True
    """Refuses a schema sent with `strict: true` that OpenAI would refuse, with HTTP status 400."""
