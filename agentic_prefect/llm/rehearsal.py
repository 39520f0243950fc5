"""A model that needs no key and costs nothing: it fills in the form asked for, and fails where it is told to."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from agentic_prefect.errors import (
    AgenticError,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    InvalidOutput,
    PlanInvalid,
    Refused,
    RetryableError,
    TerminalError,
    TimedOut,
)
from agentic_prefect.llm.error_map import HttpFailure, Place, error_of
from agentic_prefect.models.chat import ChatRequest, ChatResponse
from agentic_prefect.models.schema_echo import break_schema, echo
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.budget import estimate_tokens, prompt_tokens
from agentic_prefect.ports import ResolvedModel

REHEARSAL = "rehearsal"
"""The name of the connection and of the model, where a plan names none."""

_ITEMS = 3
"""Items in each list, as far as the schema allows: enough to see a fan-out."""
_STATUSES = (400, 401, 403, 404, 429, 500, 502, 503, 504, 529)
_NAMED: Mapping[str, tuple[type[RetryableError] | type[TerminalError], str]] = {
    "timeout": (TimedOut, "The rehearsed call timed out."),
    "connection": (ConnectionLost, "The rehearsed connection broke."),
    "refusal": (Refused, "The rehearsed model declined to answer."),
    "content_filter": (ContentFiltered, "The rehearsed filter stopped the answer."),
    "context_length": (ContextTooLong, "The rehearsed prompt is too long for the model."),
}
_CODES = (*map(str, _STATUSES), *_NAMED, "invalid_output", "hang")
_PLACE = Place(REHEARSAL, "no server")
_FAULT = re.compile(r"(?P<task>[A-Za-z][A-Za-z0-9_]*(?:\[\d+\])?):(?P<code>[a-z_]+|\d{3})(?:x(?P<times>\d+))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong in a rehearsal."""

    task: str
    """A task's id, or `id[index]` for one item of its fan-out; the id alone is for whichever items ask first."""
    code: str
    """An HTTP status, or a name."""
    times: int = 1
    """How many calls fail; those after it go well."""

    def hits(self, task_id: str) -> bool:
        """Whether it is meant for this task or item."""
        return self.task in (task_id, task_id.partition("[")[0])


def parse_fault(text: str) -> Fault:
    """The fault written as `TASK:CODE` or `TASK:CODExTIMES`: `search:429x2` fails the first two calls of `search`.

    Raises:
        PlanInvalid: It is not written so, or the code is none.
    """
    match = _FAULT.fullmatch(text.strip())
    if match is None or match["code"] not in _CODES or match["times"] == "0":
        raise PlanInvalid(
            f"{text!r} is not a fault to rehearse. Write TASK:CODE or TASK:CODExTIMES, for instance 'search:429x2'. "
            f"Codes: {', '.join(_CODES)}."
        )
    return Fault(match["task"], match["code"], int(match["times"] or 1))


class RehearsalModel:
    """A `ChatModel` without a model: the same request gets the same answer, made up from the output schema.

    Its token numbers are estimates, its cost is 0.

    Args:
        faults: What goes wrong. Several for one task have their turns in this order.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._ahead = [fault for fault in faults for _ in range(fault.times)]

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """The made-up answer, or the fault whose turn it is.

        Raises:
            AgenticError: A fault was asked for, or no answer can be made up from the schema.
        """
        fault = next((fault for fault in self._ahead if fault.hits(request.task_id)), None)
        if fault is None:
            text = _answer(request)
        else:
            self._ahead.remove(fault)
            text = await _go_wrong(fault.code, request)
        return ChatResponse(text=text, model=request.model, usage=_usage(request, text))


class RehearsalModels:
    """A `ModelDirectory` in which one rehearsal model stands in for every other, under the name that was asked for."""

    def __init__(self, model: RehearsalModel) -> None:
        self._model = model

    def resolve(self, name: str | None) -> ResolvedModel:
        """The rehearsal model."""
        return ResolvedModel(chat=self._model, model=name or REHEARSAL, connection=REHEARSAL)


async def _go_wrong(code: str, request: ChatRequest) -> str:
    """The answer that is wrong, where the fault is one.

    Raises:
        AgenticError: The fault, where it is none.
    """
    if code == "invalid_output" and request.output is not None:
        schema = request.output.json_schema
        return json.dumps(break_schema(echo(schema), schema))
    if code == "hang":
        await _hang(request)
    if code in _NAMED:
        kind, message = _NAMED[code]
        error: AgenticError = kind(message)
    elif code == "invalid_output":
        error = InvalidOutput("The rehearsed answer is empty.", ("$: the answer is empty",))
    else:
        failure = HttpFailure(status=int(code), message="a rehearsed failure")
        error = error_of(failure, place=_PLACE, now=datetime.now(UTC))
    error.usage = Usage(calls=1)
    raise error


async def _hang(request: ChatRequest) -> None:
    """Wait for the request's time to pass, or for the caller to cancel."""
    try:
        async with asyncio.timeout(request.timeout_s):
            await asyncio.get_running_loop().create_future()
    except TimeoutError:
        error = TimedOut(f"The rehearsed call did not end within {request.timeout_s:g} s.")
        error.usage = Usage(calls=1)
        raise error from None


def _answer(request: ChatRequest) -> str:
    if request.output is None:
        return f"Rehearsed answer of {request.task_id}." if request.task_id else "Rehearsed answer."
    return json.dumps(echo(request.output.json_schema, array_items=_ITEMS), ensure_ascii=False)


def _usage(request: ChatRequest, text: str) -> Usage:
    return Usage(
        input_tokens=prompt_tokens(request.messages),
        output_tokens=estimate_tokens(text),
        calls=1,
        cost_usd=Decimal(0),
    )
