"""Questions to a Prefect server that may be busy."""

import time
from collections.abc import Callable
from typing import Any, Final

import httpx

PATIENCE_S: Final = 60.0
UNTIL_S: Final = 180.0


def get(url: str, **options: Any) -> httpx.Response:
    """As `httpx.get`."""
    return _answered(lambda: httpx.get(url, timeout=PATIENCE_S, **options))


def post(url: str, **options: Any) -> httpx.Response:
    """As `httpx.post`."""
    return _answered(lambda: httpx.post(url, timeout=PATIENCE_S, **options))


def patch(url: str, **options: Any) -> httpx.Response:
    """As `httpx.patch`."""
    return _answered(lambda: httpx.patch(url, timeout=PATIENCE_S, **options))


def delete(url: str, **options: Any) -> httpx.Response:
    """As `httpx.delete`."""
    return _answered(lambda: httpx.delete(url, timeout=PATIENCE_S, **options))


def until(look: Callable[[], Any]) -> Any:
    """What `look` gives once it gives something."""
    deadline = time.monotonic() + UNTIL_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain for {UNTIL_S:g} s"
        time.sleep(0.5)
    return found


def _answered(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer. A server on SQLite that is busy says 503, and Prefect's own client asks again."""
    deadline = time.monotonic() + PATIENCE_S
    while (answer := ask()).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer
