"""Holds requests back: after a provider's word to wait, and within the limits of a connection."""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace

from agentic_prefect.errors import ConnectionLost, Overloaded, RateLimited
from agentic_prefect.llm.in_flight import Slots
from agentic_prefect.llm.per_minute import PerMinute
from agentic_prefect.llm.waits import Waiting, before_another, used_if_cancelled
from agentic_prefect.models.chat import ChatRequest, ChatResponse
from agentic_prefect.models.connection import Connection
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.budget import estimate_tokens, prompt_tokens
from agentic_prefect.ports import ChatModel, ModelDirectory, ResolvedModel, SharedLimits

MOST_JITTER_S = 1.0
"""Those who waited together do not all come back in the same moment."""
_log = logging.getLogger(__name__)


class Hold:
    """Until when nobody may send anything, since the provider said so to one of them."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def left_s(self) -> float:
        """Seconds left; 0 or less when nobody is held."""
        return self._until - time.monotonic()

    def extend(self, seconds: float) -> None:
        """Hold everybody for so long from this moment on, or longer if that was said before."""
        self._until = max(self._until, time.monotonic() + seconds)


class Throttle:
    """What the requests of one connection wait for, in this process and, where limits are shared, in all.

    Args:
        name: The connection's.
        connection: Its limits.
        shared: The limits that all workers have in common; `None` where there are none.
        hold: The provider's word to wait; `None` is one that nobody else hears.
    """

    def __init__(
        self, name: str, connection: Connection, shared: SharedLimits | None = None, hold: Hold | None = None
    ) -> None:
        self._name, self._shared, self._hold = name, shared, hold or Hold()
        self._slots = None if connection.max_in_flight is None else Slots(connection.max_in_flight)
        self._requests = _limit(connection.requests_per_minute)
        self._tokens = _limit(connection.tokens_per_minute)

    @asynccontextmanager
    async def turn(self, tokens: int, waiting: Waiting) -> AsyncGenerator[None]:
        """The turn of a request, which is sent within.

        Args:
            tokens: What it is expected to take.
            waiting: Entered around each wait.

        Raises:
            ConnectionLost: The limits that all workers share could not be asked.
        """
        slots = self._slots
        if slots is not None:
            with used_if_cancelled(Usage()), nullcontext() if slots.has_room else waiting(""):
                await slots.take()
        try:
            await self.admit(tokens, waiting)
            yield
        finally:
            if slots is not None:
                slots.give_back()

    async def admit(self, tokens: int, waiting: Waiting) -> None:
        """Wait until a request may be sent, or another one within its turn; as for `turn`."""
        with used_if_cancelled(Usage()):
            await self._stand_still(waiting)
            await self._take_turns(tokens, waiting)
            # Whoever waited for its turn may have been told to wait meanwhile, by the answer to another.
            await self._stand_still(waiting)

    async def hold(self, seconds: float) -> None:
        """Let nobody in for so long, since the provider said so to one of them.

        Where the limits that all workers share are out of order, it holds in this process alone.
        """
        self._hold.extend(seconds)
        if self._shared is not None:
            (trouble,) = await asyncio.gather(self._shared.hold(self._name, seconds), return_exceptions=True)
            if isinstance(trouble, Exception):
                _log.warning(
                    "Connection %r was told to wait, and the other workers could not be told (%s: %s).",
                    *(self._name, type(trouble).__name__, trouble),
                )

    async def _stand_still(self, waiting: Waiting) -> None:
        while (left := self._hold.left_s) > 0:
            left += random.uniform(0, min(MOST_JITTER_S, left / 10))
            with waiting(f"Connection {self._name!r} was told to wait; this goes on in {left:.1f} s."):
                await asyncio.sleep(left)

    async def _take_turns(self, tokens: int, waiting: Waiting) -> None:
        for limit, amount in ((self._requests, 1), (self._tokens, tokens)):
            if limit is not None:
                why = f"Connection {self._name!r} is at its limit per minute."
                with nullcontext() if limit.has_room(amount) else waiting(why):
                    await limit.take(amount)
        if self._shared is not None:
            with waiting(""):
                await self._take_shared_turn(self._shared, tokens)

    async def _take_shared_turn(self, shared: SharedLimits, tokens: int) -> None:
        (trouble,) = await asyncio.gather(shared.acquire(self._name, tokens), return_exceptions=True)
        if isinstance(trouble, Exception):
            error = ConnectionLost(
                f"Connection {self._name!r}: the limits that all workers share could not be asked "
                f"({type(trouble).__name__}: {trouble}). Nothing was sent. See that the Prefect server is running, or "
                f"turn off the setting `shared_limits`."
            )
            error.usage = Usage()
            raise error from trouble


class ThrottledModel:
    """A model whose requests wait for their turn."""

    def __init__(self, inner: ChatModel, throttle: Throttle, waiting: Waiting) -> None:
        self._inner, self._throttle, self._waiting = inner, throttle, waiting

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """One answer of the inner model; a refusal that says how long to wait holds the others back, too."""
        tokens = _tokens_of(request)
        request = before_another(request, lambda: self._throttle.admit(tokens, self._waiting))
        async with self._throttle.turn(tokens, self._waiting):
            try:
                return await self._inner.complete(request)
            except (RateLimited, Overloaded) as error:
                if error.retry_after_s:
                    await self._throttle.hold(error.retry_after_s)
                raise


class ThrottledModels:
    """Finds models like `inner`, their requests held back.

    Args:
        inner: Finds the models.
        throttle_of: The throttle of a connection; `None` where nothing is held back.
        waiting: Entered around each wait.
    """

    def __init__(self, inner: ModelDirectory, throttle_of: Callable[[str], Throttle | None], waiting: Waiting) -> None:
        self._inner, self._throttle_of, self._waiting = inner, throttle_of, waiting

    def resolve(self, name: str | None) -> ResolvedModel:
        """The model that `inner` finds, throttled."""
        found = self._inner.resolve(name)
        throttle = self._throttle_of(found.connection)
        return found if throttle is None else replace(found, chat=ThrottledModel(found.chat, throttle, self._waiting))


def _limit(per_minute: int | None) -> PerMinute | None:
    return None if per_minute is None else PerMinute(per_minute)


def _tokens_of(request: ChatRequest) -> int:
    prompt = prompt_tokens(request.messages)
    if request.output is not None:
        prompt += estimate_tokens(json.dumps(request.output.json_schema))
    return prompt + (request.settings.max_output_tokens or 0)
