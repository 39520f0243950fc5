"""What can be told from a connection's address."""

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from agentic_prefect.models.connection import Connection

OPENAI_BASE_URL = "https://api.openai.com/v1"
"""Where a connection without a `base_url` leads."""
OPENAI_KEY_ENV = "OPENAI_API_KEY"
"""The environment variable with the key for it."""

_OPENAI_HOSTS = ("api.openai.com", ".openai.azure.com", ".api.openai.com")


def base_url_of(connection: Connection) -> str:
    """The connection's address, without a slash at its end."""
    return (connection.base_url or OPENAI_BASE_URL).rstrip("/")


def is_openai(base_url: str) -> bool:
    """Whether OpenAI itself answers there, at its own address or at Azure's."""
    return host_of(base_url).endswith(_OPENAI_HOSTS)


@lru_cache(maxsize=256)
def is_loopback(base_url: str) -> bool:
    """Whether the address is on this machine."""
    host = host_of(base_url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def host_of(base_url: str) -> str:
    """The host in lower case; empty where there is none."""
    try:
        return (urlsplit(base_url).hostname or "").lower()
    except ValueError:
        return ""
