"""The Prefect server that the settings name: whether it is there."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import httpx
from prefect.settings import (
    PREFECT_API_SSL_CERT_FILE,
    PREFECT_API_TLS_INSECURE_SKIP_VERIFY,
    PREFECT_API_URL,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    PREFECT_SERVER_LOGGING_LEVEL,
    temporary_settings,
)

from agentic_prefect.blocks.refusal import refusal
from agentic_prefect.errors import ConnectionLost
from agentic_prefect.policies.redaction import redacted

EPHEMERAL_START_S: Final = 120
"""How long Prefect may take to start a server for one run; its default of 20 s is short on a busy machine."""

T = TypeVar("T")

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 30.0
"""A server that takes the call and is slow to say that it is well is busy, and there."""


class ServerUnreachable(ConnectionLost):
    """The Prefect server that the settings name does not answer."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"The Prefect server at {redacted(url)!r} cannot be reached: {why}. Start it (`prefect server start`, or "
            f"`agentic-prefect dev`), correct PREFECT_API_URL, or unset it to have a server for this run alone."
        )


def require_server() -> None:
    """Make sure that the Prefect server of the settings answers. Without one Prefect starts one by itself.

    Raises:
        ServerUnreachable: It does not.
    """
    url = PREFECT_API_URL.value()
    if not url:
        return
    verify: Any = str(PREFECT_API_SSL_CERT_FILE.value() or "") or not PREFECT_API_TLS_INSECURE_SKIP_VERIFY.value()
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}/health",
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            # Loading the list of authorities takes longer than asking a server on this machine.
            verify=verify if url.startswith("https") else False,
        )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise ServerUnreachable(url, str(error) or type(error).__name__) from error
    # A server that asks for a login answers 401 or 403 here, and Prefect's client has the login.
    if answer.status_code >= 500 or answer.status_code == 404:
        raise ServerUnreachable(url, f"it answered HTTP {answer.status_code}")


def ask_server(question: Coroutine[Any, Any, T]) -> T:
    """The answer of a command that talks to the server.

    Raises:
        ServerUnreachable: It does not answer.
        AgenticError: It wants a login, or does not do what it was asked.
    """
    require_server()
    try:
        with temporary_settings(run_settings()):
            return asyncio.run(question)
    except httpx.HTTPStatusError as error:
        raise refusal(error) from error
    except httpx.TransportError as error:
        raise ServerUnreachable(PREFECT_API_URL.value() or "", str(error) or type(error).__name__) from error


def has_server() -> bool:
    """Whether the settings name a server; otherwise Prefect starts one for each run."""
    return bool(PREFECT_API_URL.value())


def run_settings() -> dict[Any, Any]:
    """Prefect's settings for a command that talks to the server."""
    settings: dict[Any, Any] = {}
    if not has_server():
        # For the server that Prefect starts for this run alone. It writes to this terminal.
        settings[PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS] = EPHEMERAL_START_S
        settings[PREFECT_SERVER_ANALYTICS_ENABLED] = False
        settings[PREFECT_SERVER_LOGGING_LEVEL] = "CRITICAL"
    if not (PREFECT_API_URL.value() or "").startswith("https"):
        # Each client reads the list of authorities, 30 ms, and none of them is asked over plain HTTP.
        settings[PREFECT_API_TLS_INSECURE_SKIP_VERIFY] = True
    return settings
