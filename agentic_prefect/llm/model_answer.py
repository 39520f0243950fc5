"""What a provider's response says, whichever API it came through, and what follows from it."""

from dataclasses import dataclass, replace
from typing import Literal, cast

from agentic_prefect.errors import ContentFiltered, InvalidOutput, Refused
from agentic_prefect.llm.error_map import shorten
from agentic_prefect.llm.well_formed import well_formed, well_formed_json
from agentic_prefect.llm.wire_schema import own_form
from agentic_prefect.models.chat import ChatRequest, ChatResponse
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.budget import estimate_tokens, prompt_tokens
from agentic_prefect.policies.redaction import redacted

Finish = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class ReportedTokens:
    """Token numbers of a response."""

    input: int
    output: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A response, read."""

    text: str
    refusal: str | None = None
    finish: Finish = "stop"
    tokens: ReportedTokens | None = None
    """`None` when the provider reports none."""
    model: str = ""
    """Empty when the provider does not say."""
    response_id: str | None = None

    def well_formed(self) -> "ModelAnswer":
        """The same without lone surrogates."""
        return replace(
            self,
            text=well_formed(self.text),
            refusal=self.refusal and well_formed(self.refusal),
            model=well_formed(self.model),
            response_id=self.response_id and well_formed(self.response_id),
        )


def usage_of(answer: ModelAnswer, request: ChatRequest, *, calls: int) -> Usage:
    """What the call consumed; tokens that the provider does not report are estimated. The cost is not known here.

    Args:
        calls: Requests that were sent for this answer, those included that the server refused for their form.
    """
    tokens = answer.tokens or ReportedTokens(
        input=prompt_tokens(request.messages),
        output=estimate_tokens(answer.text + (answer.refusal or "")),
    )
    return Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cached_tokens=tokens.cached,
        calls=calls,
        cost_usd=None,
    )


def response_of(answer: ModelAnswer, request: ChatRequest, *, calls: int, asked_by: str) -> ChatResponse:
    """The response for the caller.

    Args:
        calls: Requests that were sent for this answer.
        asked_by: The connection, for messages.

    Raises:
        Refused: The model declined.
        ContentFiltered: The provider's filter stopped the answer.
        InvalidOutput: There is no answer, or one with a schema was cut off.
    """
    usage = usage_of(answer, request, calls=calls)
    error = _trouble(answer, request, usage, f"{answer.model or request.model} ({asked_by})")
    if error is not None:
        error.usage = usage
        raise error
    return ChatResponse(
        text=answer.text if request.output is None else own_form(well_formed_json(answer.text), request.output),
        model=answer.model or request.model,
        usage=usage,
        finish_reason=cast("Literal['stop', 'length', 'tool_calls']", answer.finish),
        response_id=answer.response_id,
    )


def _trouble(
    answer: ModelAnswer, request: ChatRequest, usage: Usage, who: str
) -> Refused | ContentFiltered | InvalidOutput | None:
    if answer.refusal:
        return Refused(f"{who} declined to answer: {shorten(redacted(answer.refusal))}")
    if answer.finish == "content_filter":
        return ContentFiltered(
            f"The provider's filter stopped the answer of {who} after {len(answer.text)} characters. "
            f"Rephrase the task, or give it a fallback."
        )
    empty = not answer.text.strip()
    if answer.finish == "length" and (empty or request.output is not None):
        limit = request.settings.max_output_tokens
        said = f"`max_output_tokens` is {limit}" if limit else "the model's own limit"
        return InvalidOutput(
            f"The answer of {who} was cut off after {usage.output_tokens} tokens ({said}). "
            f"Ask for less, bound strings and lists in the schema, or raise `max_output_tokens`.",
            ("$: the answer was cut off because it was too long; answer more briefly",),
            answer.text,
        )
    if empty:
        return InvalidOutput(f"The answer of {who} is empty.", ("$: the answer is empty",), answer.text)
    return None
