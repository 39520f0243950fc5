"""Questions to a Prefect server that may be busy."""

import time
from collections.abc import Callable
from typing import Any, Final

import httpx

PATIENCE_S: Final = 60.0
UNTIL_S: Final = 180.0
_LOOK_AGAIN_S: Final = 0.1

# Certificates, which nothing here needs, are read once per client and take 20 ms. A connection that is kept would be a
# broken one after a server's restart.
_CLIENT: Final = httpx.Client(verify=False, timeout=PATIENCE_S, limits=httpx.Limits(max_keepalive_connections=0))


def get(url: str, **options: Any) -> httpx.Response:
    """As `httpx.get`."""
    return _answered(lambda: _CLIENT.get(url, **options))


def post(url: str, **options: Any) -> httpx.Response:
    """As `httpx.post`."""
    return _answered(lambda: _CLIENT.post(url, **options))


def patch(url: str, **options: Any) -> httpx.Response:
    """As `httpx.patch`."""
    return _answered(lambda: _CLIENT.patch(url, **options))


def delete(url: str, **options: Any) -> httpx.Response:
    """As `httpx.delete`."""
    return _answered(lambda: _CLIENT.delete(url, **options))


def until(look: Callable[[], Any]) -> Any:
    """What `look` gives once it gives something."""
    deadline = time.monotonic() + UNTIL_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain for {UNTIL_S:g} s"
        time.sleep(_LOOK_AGAIN_S)
    return found


def _answered(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer. A server on SQLite that is busy says 503, and Prefect's own client asks again."""
    deadline = time.monotonic() + PATIENCE_S
    while (answer := ask()).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer
