"""A limit on how many requests a connection has under way at once."""

import asyncio

from agentic_prefect.llm.per_loop import PerLoop
from agentic_prefect.models.chat import ChatRequest, ChatResponse
from agentic_prefect.ports import ChatModel


class LimitedModel:
    """A model of which no more than `most` requests are under way at once in one event loop.

    Those that wait are served in the order of their arrival; the wait is not on the request's own `timeout_s`.
    """

    def __init__(self, inner: ChatModel, most: int) -> None:
        self._inner = inner
        self._slots = PerLoop(lambda: asyncio.Semaphore(most))

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """One answer of the inner model."""
        async with self._slots.get():
            return await self._inner.complete(request)
