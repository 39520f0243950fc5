"""The Prefect server that the settings name: whether it is there."""

from typing import Any, Final

import httpx
from prefect.settings import PREFECT_API_SSL_CERT_FILE, PREFECT_API_TLS_INSECURE_SKIP_VERIFY, PREFECT_API_URL

from agentic_prefect.errors import ConnectionLost

SERVER_TIMEOUT_S: Final = 5.0
"""How long the server may take to say that it is well."""


class ServerUnreachable(ConnectionLost):
    """The Prefect server that the settings name does not answer."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"The Prefect server at {url!r} cannot be reached: {why}. Start it (`prefect server start`, or "
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
            timeout=SERVER_TIMEOUT_S,
            # Loading the list of authorities takes longer than asking a server on this machine.
            verify=verify if url.startswith("https") else False,
        )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise ServerUnreachable(url, str(error) or type(error).__name__) from error
    # A server that asks for a login answers 401 or 403 here, and Prefect's client has the login.
    if answer.status_code >= 500 or answer.status_code == 404:
        raise ServerUnreachable(url, f"it answered HTTP {answer.status_code}")
