"""Models behind OpenAI's APIs, and behind the many servers that are compatible with them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, assert_never

from agentic_prefect.errors import AgenticError, ServerFault, TimedOut
from agentic_prefect.llm import openai_chat, openai_responses
from agentic_prefect.llm.answer_form import Form, first_form, form_after, is_about_schema
from agentic_prefect.llm.deadline import Deadline
from agentic_prefect.llm.error_map import HttpFailure, HttpRefusal, Place, error_of
from agentic_prefect.llm.lenient import mapping, sequence, text
from agentic_prefect.llm.model_answer import ModelAnswer, response_of
from agentic_prefect.llm.streaming import ChatAssembly, ResponsesAssembly
from agentic_prefect.llm.waits import usage_of_cancelled, used_if_cancelled
from agentic_prefect.llm.well_formed import WellFormedPieces
from agentic_prefect.models.address import base_url_of, is_openai
from agentic_prefect.models.chat import ChatRequest, ChatResponse, OutputSchema
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.usage import Usage

if TYPE_CHECKING:
    from agentic_prefect.llm.openai_transport import OpenAITransport


@dataclass(frozen=True, slots=True)
class _Manner:
    """How one request is put."""

    form: Form | None
    limit_field: openai_chat.LimitField
    has_other_limit: bool = False
    """Whether the limit goes by another name than at first."""

    def with_other_limit(self) -> "_Manner":
        return replace(self, limit_field=openai_chat.other_limit_field(self.limit_field), has_other_limit=True)


class OpenAIModel:
    """A connection that speaks Chat Completions or Responses. It repeats nothing: retries belong to the task.

    What a server does not accept is learned from its refusals and remembered while this object lives: for a model,
    whether it takes schemas and under which name it takes the limit of output tokens (`max_completion_tokens` to begin
    with at OpenAI, `max_tokens` elsewhere); for a single schema, whether it can be strict. A refused request costs no
    tokens but is counted in the `calls` of the answer's usage.

    Args:
        connection: Where it is and how it is spoken to, its key included. Its `settings` are the caller's business.
        name: The connection's name, for messages.
        http_client: An `httpx` or `httpx2` client of the caller's, which is not closed here; `None` makes one per loop.
        clock: The time, for a `Retry-After` that is a date.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        name: str,
        http_client: Any = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connection, self._name, self._http_client, self._clock = connection, name, http_client, clock
        self._base_url = base_url_of(connection)
        self._place = Place(name, self._base_url, key=_key_hint(connection))
        self._is_openai = is_openai(self._base_url)
        self._limit_fields: dict[str, openai_chat.LimitField] = {}
        self._forms: dict[tuple[str, str], Form] = {}
        """By model and schema; the empty schema stands for all of a model's."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self._name!r}, base_url={self._base_url!r}, api={self._connection.api!r})"

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """One answer; its usage has no cost, since prices are not known here.

        Raises:
            AgenticError: With what the call consumed in `usage`.
        """
        return await self._in_time(request, None)

    async def stream(self, request: ChatRequest, on_text: Callable[[str], None]) -> ChatResponse:
        """The same answer, while `on_text` hears each piece of its text as the provider sends it.

        Pieces of an answer with a schema are those of the form that is sent, which may hold it in an object. Raises
        what `complete` raises.
        """
        return await self._in_time(request, on_text)

    async def models(self) -> tuple[str, ...]:
        """Names of the models that the server offers, sorted.

        Raises:
            AgenticError: It does not say.
        """
        try:
            listed = await self._transport.get("/models")
        except HttpRefusal as refusal:
            raise error_of(refusal.failure, place=self._place, now=self._clock()) from None
        return tuple(sorted(text(mapping(model).get("id")) for model in sequence(listed.get("data"))))

    async def _in_time(self, request: ChatRequest, on_text: Callable[[str], None] | None) -> ChatResponse:
        self._transport.prepare()
        deadline = Deadline(request.timeout_s)
        try:
            async with deadline:
                return await self._complete(request, on_text, deadline)
        except TimeoutError as late:
            error = TimedOut(f"{self._place} did not answer within {request.timeout_s:g} s.")
            error.usage = usage_of_cancelled(late.__cause__)
            raise error from None

    def warm_up(self) -> None:
        """Load the SDK, which takes 0.4 s, so that the first request does not have to."""
        _ = self._transport

    async def aclose(self) -> None:
        """Close the connections of the running event loop. Another request opens new ones."""
        if "_transport" in self.__dict__:
            await self._transport.aclose()

    @cached_property
    def _transport(self) -> "OpenAITransport":
        from agentic_prefect.llm.openai_transport import OpenAITransport  # loads the SDK

        key = self._connection.api_key
        return OpenAITransport(self._place, key=key, is_openai=self._is_openai, http_client=self._http_client)

    async def _complete(
        self, request: ChatRequest, on_text: Callable[[str], None] | None, deadline: Deadline
    ) -> ChatResponse:
        manner = self._manner(request)
        learned: dict[str, Form] = {}
        calls = 0
        while True:
            path, body = self._put(request, manner)
            try:
                if calls and request.before_another is not None:
                    with deadline.standing_still(), used_if_cancelled(Usage(calls=calls)):
                        await request.before_another()
                calls += 1
                with used_if_cancelled(Usage(calls=calls)):
                    answer = self._read(await self._exchange(path, body, on_text))
            except HttpRefusal as refusal:
                after = self._manner_after(request, manner, refusal.failure, learned)
                if after is not None:
                    manner = after
                    continue
                error = error_of(refusal.failure, place=self._place, now=self._clock())
                error.usage = Usage(calls=calls)
                raise error from None
            except AgenticError as error:
                error.usage = Usage(calls=calls)
                raise
            self._remember(request.model, manner, learned)
            return response_of(answer, request, calls=calls, asked_by=self._name)

    async def _exchange(
        self, path: str, body: Mapping[str, Any], on_text: Callable[[str], None] | None
    ) -> Mapping[str, Any]:
        """The body of the response, in one piece or put together from a stream."""
        if on_text is None and not self._connection.stream:
            return await self._transport.post(path, body)
        assembly = ChatAssembly() if self._connection.api == "chat" else ResponsesAssembly()
        sent = self._transport.events(
            path, {**assembly.options, **body}, idle_timeout_s=self._connection.idle_timeout_s
        )
        hear, pieces = on_text or _ignore, WellFormedPieces()
        async with aclosing(sent):
            async for event in sent:
                if piece := pieces.add(assembly.add(event)):
                    hear(piece)
        body = assembly.body()
        if rest := pieces.end():
            hear(rest)
        return body

    def _put(self, request: ChatRequest, manner: _Manner) -> tuple[str, dict[str, Any]]:
        """Path and body of a request."""
        lengths = not self._is_openai
        match self._connection.api:
            case "chat":
                body = openai_chat.chat_body(
                    request, form=manner.form, limit_field=manner.limit_field, with_lengths=lengths
                )
                return openai_chat.PATH, body
            case "responses":
                return openai_responses.PATH, openai_responses.responses_body(
                    request, form=manner.form, with_lengths=lengths
                )
            case _:
                assert_never(self._connection.api)

    def _read(self, body: Mapping[str, Any]) -> ModelAnswer:
        if self._connection.api == "chat":
            answer = openai_chat.chat_answer(body)
        else:
            failure = openai_responses.responses_failure(body)
            if failure is not None:
                raise HttpRefusal(failure)
            answer = openai_responses.responses_answer(body)
        if answer is None:
            raise ServerFault(
                f"{self._place} answered HTTP 200 with JSON that is no answer of the API {self._connection.api!r} "
                f"(its fields: {', '.join(sorted(body)) or 'none'}). Check `base_url` and `api` of the connection."
            )
        return answer.well_formed()

    def _manner(self, request: ChatRequest) -> _Manner:
        """How to put a request, as far as it is known."""
        usual: openai_chat.LimitField = "max_completion_tokens" if self._is_openai else "max_tokens"
        field = self._limit_fields.get(request.model, usual)
        if request.output is None:
            return _Manner(None, field)
        first = first_form(self._connection.structured_output, request.output)
        known = [self._forms.get((request.model, schema), first) for schema in ("", _digest(request.output))]
        return _Manner(max(first, *known), field)

    def _manner_after(
        self, request: ChatRequest, manner: _Manner, failure: HttpFailure, learned: dict[str, Form]
    ) -> _Manner | None:
        """How to put a request that was refused; `None` when asking differently would not help.

        What it finds out is noted in `learned`, by schema.
        """
        if request.settings.max_output_tokens and openai_chat.refuses_limit(failure, manner.limit_field):
            # Once only: a server that knows neither name would be asked for ever.
            return None if manner.has_other_limit else manner.with_other_limit()
        if request.output is None or manner.form is None:
            return None
        form = form_after(manner.form, failure, wish=self._connection.structured_output)
        if form is None:
            return None
        learned[_digest(request.output) if is_about_schema(failure) else ""] = form
        return replace(manner, form=form)

    def _remember(self, model: str, manner: _Manner, learned: Mapping[str, Form]) -> None:
        """Keep what was learned, now that the request was accepted."""
        if manner.has_other_limit:
            self._limit_fields[model] = manner.limit_field
        for schema, form in learned.items():
            self._forms[model, schema] = max(form, self._forms.get((model, schema), form))


def _ignore(piece: str) -> None:
    pass


def _digest(output: OutputSchema) -> str:
    return hashlib.sha256(json.dumps(output.json_schema, sort_keys=True).encode()).hexdigest()


def _key_hint(connection: Connection) -> str:
    if connection.api_key_env:
        return f"the key in the environment variable {connection.api_key_env!r}"
    return "the key of this connection"
