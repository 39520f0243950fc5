"""What the scripted model says to one request, before it is put into the words of an API."""

import hashlib
import json
import math
from dataclasses import dataclass
from typing import assert_never

from agentic_prefect.models.schema_echo import break_schema, echo
from agentic_prefect.testing.request import ScriptedRequest
from agentic_prefect.testing.script import (
    Echo,
    Finish,
    Json,
    Refusal,
    Reply,
    ReportedUsage,
    Text,
    ToolCall,
    ToolCalls,
)

BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class SaidToolCall:
    """A tool call as it is sent."""

    id: str
    name: str
    arguments: str
    """JSON, unless the script wants it broken."""


@dataclass(frozen=True, slots=True)
class SaidUsage:
    """Token numbers as they are sent."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int

    @property
    def total_tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of the model."""

    number: int
    """Of the request, from 1; the ids in the response are made from it."""
    model: str
    text: str | None
    """`None` when it says nothing, but refuses or calls tools."""
    refusal: str | None
    tool_calls: tuple[SaidToolCall, ...]
    finish: Finish
    usage: SaidUsage | None
    """`None` when the reply leaves the numbers out."""


def count_tokens(text: str) -> int:
    """A token count that anybody can check by hand: a token is four bytes of UTF-8, a started one counts."""
    return math.ceil(len(text.encode(errors="surrogatepass")) / BYTES_PER_TOKEN)


def complete(reply: Reply, request: ScriptedRequest) -> Completion:
    """What `reply` says to `request`.

    Numbers that the reply does not report are counted: the input is `count_tokens` of the prompt's text, the output is
    `count_tokens` of the text, the refusal, the names and the arguments of tool calls in one piece.

    Raises:
        EchoImpossible: The reply echoes a schema that has no instance that could be made up.
    """
    text, refusal, calls = _said(reply, request)
    spoken = "".join([text or "", refusal or "", *(call.name + call.arguments for call in calls)])
    return Completion(
        number=request.number,
        model=request.model,
        text=text,
        refusal=refusal,
        tool_calls=calls,
        finish=reply.finish or ("tool_calls" if calls else "stop"),
        usage=_usage(reply, request.prompt_text, spoken),
    )


def _said(reply: Reply, request: ScriptedRequest) -> tuple[str | None, str | None, tuple[SaidToolCall, ...]]:
    """Text, refusal and tool calls."""
    match reply.content:
        case Text(text=text):
            return text, None, ()
        case Json(value=value):
            return _compact(value), None, ()
        case Refusal(text=text):
            return None, text, ()
        case ToolCalls(text=text, calls=calls):
            return text, None, _calls(calls, request)
        case Echo() as content:
            obliged = next((tool for tool in request.tools if tool.name == request.obliged_tool), None)
            if obliged is None:
                return _echo_text(content, request), None, ()
            arguments = echo(obliged.parameters, array_items=content.array_items)
            return None, None, _calls((ToolCall(name=obliged.name, arguments=_compact(arguments)),), request)
        case _:
            assert_never(reply.content)


def _echo_text(content: Echo, request: ScriptedRequest) -> str:
    if request.output_schema is None:
        # Nothing of the prompt itself: a marker in it would turn up in the prompts of later tasks and match there.
        sentence = f"Scripted answer {hashlib.sha256(request.prompt_text.encode()).hexdigest()[:8]}."
        return sentence if content.defect == "none" else '{"scripted": "answ'
    instance = echo(request.output_schema, array_items=content.array_items)
    if content.defect == "breaks_schema":
        instance = break_schema(instance, request.output_schema)
    written = _compact(instance)
    return written[: max(1, len(written) // 2)] if content.defect == "truncated" else written


def _calls(calls: tuple[ToolCall, ...], request: ScriptedRequest) -> tuple[SaidToolCall, ...]:
    return tuple(
        SaidToolCall(
            id=call.id or f"call_{request.number}_{index}",
            name=call.name,
            arguments=call.arguments if isinstance(call.arguments, str) else _compact(call.arguments),
        )
        for index, call in enumerate(calls)
    )


def _usage(reply: Reply, prompt: str, spoken: str) -> SaidUsage | None:
    if reply.usage == "absent":
        return None
    reported = ReportedUsage() if reply.usage == "counted" else reply.usage
    given_input, given_output = reported.input_tokens, reported.output_tokens
    return SaidUsage(
        input_tokens=count_tokens(prompt) if given_input is None else given_input,
        output_tokens=count_tokens(spoken) if given_output is None else given_output,
        cached_tokens=reported.cached_tokens,
        reasoning_tokens=reported.reasoning_tokens,
    )


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
