"""A scripted model in process: the `ChatModel` port answered by the same rules as the server, without HTTP."""

import asyncio
import time
from typing import assert_never

from agentic_prefect.errors import (
    AgenticError,
    AuthenticationFailed,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    InvalidOutput,
    InvalidRequest,
    Overloaded,
    PermissionRefused,
    RateLimited,
    Refused,
    ServerFault,
    TimedOut,
)
from agentic_prefect.models.chat import ChatRequest, ChatResponse
from agentic_prefect.models.schema_echo import EchoImpossible
from agentic_prefect.models.usage import Usage
from agentic_prefect.testing.completion import Completion, complete
from agentic_prefect.testing.play import Turn
from agentic_prefect.testing.request import ScriptedRequest
from agentic_prefect.testing.script import (
    Answer,
    DropFault,
    HangFault,
    MalformedFault,
    Reply,
    StatusFault,
    StreamErrorFault,
)
from agentic_prefect.testing.scripted import Scripted
from agentic_prefect.testing.wire_errors import error_body

ONE_CALL = Usage(calls=1)
"""What a request without an answer consumed."""

_BY_CODE: dict[str, type[AgenticError]] = {
    "insufficient_quota": PermissionRefused,
    "context_length_exceeded": ContextTooLong,
    "content_filter": ContentFiltered,
}
_BY_STATUS: dict[int, type[AgenticError]] = {
    401: AuthenticationFailed,
    402: PermissionRefused,
    403: PermissionRefused,
    408: TimedOut,
    409: ServerFault,
    413: ContextTooLong,
    425: ServerFault,
    429: RateLimited,
    501: InvalidRequest,
    503: Overloaded,
    529: Overloaded,
}


class ScriptedChatModel(Scripted):
    """A `ChatModel` that answers from a script and records what it was asked.

    Replies become responses and faults the errors that a model adapter raises for them; a hang ends with the request's
    `timeout_s`, or when the caller is cancelled.

    ```python
    model = ScriptedChatModel()
    model.on("capital of France", Fault.rate_limited(retry_after_s=1), Reply.text("Paris"))
    ```

    Args:
        script: What it answers after each `reset()`; `None` echoes. Its key is not asked for.
    """

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """The answer that the script has for `request`.

        Raises:
            AgenticError: The script answers with a fault, with nothing, or with something that was refused, filtered or
            cut off; what the call consumed is its `usage`.
        """
        turn = self._play.begin(self._scripted(request))
        is_whole = False
        try:
            async with asyncio.timeout(request.timeout_s):
                answer = await self._play.decided(turn)
                if isinstance(answer, HangFault):
                    await asyncio.get_running_loop().create_future()
            is_whole = not isinstance(answer, DropFault)
            return _response(answer, turn)
        except TimeoutError:
            raise _counted(TimedOut(f"No answer came within {request.timeout_s:g} s."), ONE_CALL) from None
        finally:
            self._play.end(turn, status=None, whole=is_whole)

    def _scripted(self, request: ChatRequest) -> ScriptedRequest:
        return ScriptedRequest(
            number=self.count + 1,
            api="in_process",
            model=request.model,
            prompt_text="\n".join(message.content for message in request.messages),
            output_schema=None if request.output is None else request.output.json_schema,
            body=request.model_dump(mode="json"),
            received_at=time.monotonic(),
        )


def _response(answer: Answer, turn: Turn) -> ChatResponse:
    match answer:
        case Reply():
            return _said(answer, turn)
        case StatusFault():
            raise _counted(_status_error(answer), ONE_CALL)
        case HangFault() | DropFault():
            raise _counted(ConnectionLost("The connection was closed before the answer was whole."), ONE_CALL)
        case MalformedFault():
            raise _counted(ServerFault(f"The answer is not JSON: {answer.body!r}."), ONE_CALL)
        case StreamErrorFault():
            raise _counted(ServerFault(answer.message), ONE_CALL)
        case _:
            assert_never(answer)


def _said(reply: Reply, turn: Turn) -> ChatResponse:
    try:
        said = complete(reply, turn.request)
    except EchoImpossible as error:
        raise _counted(InvalidRequest(str(error)), ONE_CALL) from error
    usage = _usage(said)
    text = said.text or ""
    if said.refusal is not None:
        raise _counted(Refused(said.refusal), usage)
    if said.finish == "content_filter":
        raise _counted(ContentFiltered("The provider's filter stopped the answer."), usage)
    if said.finish == "length" and turn.request.output_schema is not None:
        raise _counted(InvalidOutput("The answer was cut off.", ("$: the answer was cut off",), text), usage)
    if not text.strip() and not said.tool_calls:
        raise _counted(InvalidOutput("The answer is empty.", ("$: the answer is empty",), text), usage)
    return ChatResponse(
        text=text,
        model=said.model,
        usage=usage,
        finish_reason=said.finish,
        response_id=f"scripted-{said.number}",
    )


def _usage(said: Completion) -> Usage:
    if said.usage is None:
        return Usage(calls=1, cost_usd=None)
    return Usage(
        input_tokens=said.usage.input_tokens,
        output_tokens=said.usage.output_tokens,
        cached_tokens=said.usage.cached_tokens,
        calls=1,
        cost_usd=None,
    )


def _counted(error: AgenticError, usage: Usage) -> AgenticError:
    error.usage = usage
    return error


def _status_error(fault: StatusFault) -> AgenticError:
    """The error for an HTTP status: the code decides before the status does."""
    body = error_body(fault)["error"]
    other = ServerFault if fault.status >= 500 else InvalidRequest
    kind = _BY_CODE.get(body["code"] or "") or _BY_STATUS.get(fault.status, other)
    waits = issubclass(kind, RateLimited | Overloaded | ServerFault | TimedOut)
    return kind(body["message"], fault.retry_after_s) if waits else kind(body["message"])
