"""Asking a Prefect server that may be away for a while."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import httpx

FIRST_WAIT_S: Final = 0.25
"""How soon a server that did not answer is asked again; after that each wait is twice as long."""
LONGEST_WAIT_S: Final = 30.0
_AWAY: Final = frozenset({408, 429, 500, 502, 503, 504})
_log = logging.getLogger(__name__)
AnyT = TypeVar("AnyT")


async def patiently(ask: Callable[[], Awaitable[AnyT]]) -> AnyT:
    """What the server answers; while it is away it is asked again and again.

    Raises:
        httpx.HTTPStatusError: It refuses.
    """
    for pause in itertools.count():
        try:
            return await ask()
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if not is_away(error):
                raise
            why = error
        if pause == 0:
            _log.warning("The Prefect server does not answer (%s); it is asked again.", type(why).__name__)
        await asyncio.sleep(min(FIRST_WAIT_S * 2.0 ** min(pause, 10), LONGEST_WAIT_S))
    raise AssertionError("the loop has no end")


def is_away(error: Exception) -> bool:
    """Whether a call failed because the server is away or too busy, not because it refuses."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _AWAY
    return isinstance(error, httpx.TransportError)
