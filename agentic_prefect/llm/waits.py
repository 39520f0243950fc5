"""Waits before a request, in which nothing is sent and no time of the attempt passes."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, cast

from agentic_prefect.models.chat import ChatRequest
from agentic_prefect.models.usage import Usage

Waiting = Callable[[str], AbstractContextManager[None]]
"""Entered around a wait that is not work: what to say about it, if anything."""


def not_waiting(why: str) -> AbstractContextManager[None]:
    """A `Waiting` that nobody hears of."""
    return nullcontext()


def before_another(request: ChatRequest, step: Callable[[], Awaitable[None]]) -> ChatRequest:
    """`request` with a further step before each further request that is sent for it."""
    earlier = request.before_another

    async def steps() -> None:
        if earlier is not None:
            await earlier()
        await step()

    return request.model_copy(update={"before_another": steps})


@contextmanager
def used_if_cancelled(usage: Usage) -> Generator[None]:
    """Whoever is cancelled within has used so much; `usage_of_cancelled` tells it further up."""
    try:
        yield
    except asyncio.CancelledError as error:
        cast(Any, error).usage = usage
        raise


def usage_of_cancelled(error: BaseException | None) -> Usage:
    """What a cancelled call used: one request, unless it was cancelled where somebody knew better."""
    return getattr(error, "usage", Usage(calls=1))
