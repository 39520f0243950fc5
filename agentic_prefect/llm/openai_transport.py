"""Requests through the OpenAI SDK. The only module that imports it, which takes 0.4 s: load it when a request is due.

The SDK's typed resources are passed by: its models of requests and responses cost another 0.15 s before the first
answer, and refuse or drop what compatible servers send. What stays is its client: authentication, connection pool,
proxies, errors and server-sent events.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, cast

import openai
from pydantic import SecretStr

from agentic_prefect.errors import AgenticError, ConnectionLost, InvalidRequest, ServerFault, TimedOut
from agentic_prefect.llm.error_map import HttpRefusal, Place, failure_of, shorten
from agentic_prefect.llm.per_loop import PerLoop
from agentic_prefect.policies.redaction import redacted

CONNECT_TIMEOUT_S = 10.0
_BAD_ADDRESS = frozenset({"InvalidURL", "LocalProtocolError", "UnsupportedProtocol"})
NO_KEY = "none"
"""Sent where no key is needed: without one the SDK would take the one from the environment, whoever it is for."""


class OpenAITransport:
    """Posts JSON to one base address, with one client per event loop. Never repeats a request by itself.

    Args:
        place: Whom it talks to, for messages.
        key: `None` where none is needed.
        is_openai: Whether the organization and project of the environment are meant for this server.
        http_client: An `httpx.AsyncClient` or `httpx2.AsyncClient` to use, for proxies and certificates; it belongs to
            one event loop, and to whoever made it. `None` makes one per loop.
    """

    def __init__(self, place: Place, *, key: SecretStr | None, is_openai: bool, http_client: Any = None) -> None:
        self._place, self._key, self._is_openai, self._http_client = place, key, is_openai, http_client
        self._clients = PerLoop(self._client)

    def prepare(self) -> None:
        """Make the running loop's client, which takes a moment, so that no deadline has to cover it."""
        self._clients.get()

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The response's JSON object.

        Raises:
            HttpRefusal: The status is not 2xx, or the body is an error.
            ServerFault: The body is no JSON object.
            ConnectionLost: The server was not reached, or the connection broke.
        """
        try:
            text = await self._clients.get().post(path, cast_to=str, body=dict(body))
        except openai.OpenAIError as error:
            # `from None`: the SDK's errors hold the request with its headers.
            raise self._translated(error) from None
        return self._object(text)

    async def get(self, path: str) -> Mapping[str, Any]:
        """The response's JSON object; raises what `post` raises."""
        try:
            text = await self._clients.get().get(path, cast_to=str)
        except openai.OpenAIError as error:
            raise self._translated(error) from None
        return self._object(text)

    async def events(
        self, path: str, body: Mapping[str, Any], *, idle_timeout_s: float | None
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """The events of a streamed response, as they come.

        Args:
            idle_timeout_s: Seconds to wait for each of them, the first included; `None` waits.

        Raises:
            TimedOut: None came in that time.
            HttpRefusal: The status is not 2xx, or an event is an error.
            ServerFault: An event is no JSON object.
            ConnectionLost: The server was not reached, or the connection broke.
        """
        try:
            async with _within(idle_timeout_s, self._place):
                stream = await self._clients.get().post(
                    path, cast_to=object, body=dict(body), stream=True, stream_cls=openai.AsyncStream[object]
                )
            async with stream:
                while True:
                    async with _within(idle_timeout_s, self._place):
                        event = await anext(stream, None)
                    if event is None:
                        return
                    yield self._event(event)
        except openai.OpenAIError as error:
            raise self._translated(error) from None
        except ValueError as error:
            raise ServerFault(f"{self._place} sent an event that is not JSON: {self._clean(str(error))}.") from None

    async def aclose(self) -> None:
        """Close the running loop's connections; those of loops that have ended went with them."""
        client = self._clients.take()
        if client is not None and self._http_client is None:
            await client.close()

    def _client(self) -> openai.AsyncOpenAI:
        client = openai.AsyncOpenAI(
            api_key=NO_KEY if self._key is None else self._key.get_secret_value(),
            base_url=self._place.base_url,
            max_retries=0,
            # Only reaching the server is limited here: the whole call has a deadline of its own.
            timeout=openai.Timeout(None, connect=CONNECT_TIMEOUT_S),
            http_client=self._http_client or openai.DefaultAsyncHttpxClient(verify=_authorities()),
        )
        if not self._is_openai:
            client.organization = client.project = None
        return client

    def _event(self, event: object) -> Mapping[str, Any]:
        if not isinstance(event, dict):
            raise ServerFault(f"{self._place} sent an event that is no JSON object: {shorten(repr(event), 120)}.")
        return cast("dict[str, Any]", event)

    def _object(self, text: str) -> Mapping[str, Any]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            excerpt = shorten(self._clean(text), 120)
            raise ServerFault(f"{self._place} answered HTTP 200 with something that is no JSON object: {excerpt!r}.")
        body = cast("dict[str, Any]", value)
        if body.get("error") and not body.get("status"):
            raise HttpRefusal(failure_of(body["error"], status=None, headers={}))
        return body

    def _translated(self, error: openai.OpenAIError) -> Exception:
        match error:
            case openai.APIStatusError():
                headers = {name.lower(): value for name, value in error.response.headers.items()}
                return HttpRefusal(failure_of(error.body, status=error.status_code, headers=headers))
            case openai.APIConnectionError():
                return self._unreached(error)
            case openai.APIError():
                return HttpRefusal(failure_of(error.body or error.message, status=None, headers={}))
            case _:
                return InvalidRequest(f"{self._place} could not be asked: {self._clean(str(error))}")

    def _unreached(self, error: openai.APIConnectionError) -> AgenticError:
        cause = _root_cause(error)
        kind = type(cause).__name__
        if isinstance(error, openai.APITimeoutError) and kind != "ConnectTimeout":
            return TimedOut(f"{self._place} did not answer in time.")
        words = (self._clean(str(cause)) or kind).rstrip(".")
        if kind in _BAD_ADDRESS:
            return InvalidRequest(f"{self._place} has no usable address: {words}. Write `base_url: https://HOST/v1`.")
        if "Connect" in kind or isinstance(cause, OSError):
            return ConnectionLost(
                f"{self._place} could not be reached: {words}. Check the address, and that the server is running."
            )
        return ConnectionLost(f"{self._place} broke off before the answer was there: {words}.")

    def _clean(self, text: str) -> str:
        return redacted(text, "" if self._key is None else self._key.get_secret_value())


@asynccontextmanager
async def _within(idle_timeout_s: float | None, place: Place) -> AsyncGenerator[None, None]:
    deadline = asyncio.timeout(idle_timeout_s)
    try:
        async with deadline:
            yield
    except TimeoutError:
        if not deadline.expired():
            raise
        raise TimedOut(f"{place} sent nothing for {idle_timeout_s:g} s.") from None


def _root_cause(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


@cache
def _authorities() -> ssl.SSLContext:
    """The trusted authorities. Reading them takes 50 ms, so all clients of the process share them."""
    return ssl.create_default_context()
