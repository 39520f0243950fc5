"""Which environment variables a plan may name as the key of a connection."""

from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Final

from agentic_prefect.models.address import OPENAI_KEY_ENV, base_url_of, host_of
from agentic_prefect.models.connection import Connection
from agentic_prefect.plans.names import listing

KEY_SUFFIX: Final = "_API_KEY"
PLATFORM_PREFIX: Final = "PREFECT_"
"""Variables of Prefect and of this package, whose keys open the Prefect server and no model."""


def forbidden_key(variable: str) -> str:
    """Why a plan may not have a variable sent to an address of its choice; empty where it may."""
    # Prefect reads its variables in upper and lower case alike.
    if variable.upper().startswith(PLATFORM_PREFIX):
        return (
            f"it may not read the variable {variable!r}: those whose name begins with {PLATFORM_PREFIX!r} hold what is "
            f"Prefect's own, and no model's key"
        )
    if not variable.endswith(KEY_SUFFIX):
        return (
            f"it may not read the variable {variable!r}: only those whose name ends in {KEY_SUFFIX!r} are handed to a "
            f"connection"
        )
    return ""


def forbidden_way(connection: Connection, allowed: Collection[str]) -> str:
    """Why the key of a connection may not be sent to where that leads; empty where it may.

    OpenAI's key has a rule of its own.

    Args:
        connection: A connection that names a variable.
        allowed: What may go where, as `VARIABLE@HOST`, in which `*` stands for any text.
    """
    variable, host = connection.api_key_env, host_of(base_url_of(connection))
    way = f"{variable}@{host}"
    if variable == OPENAI_KEY_ENV or any(fnmatchcase(way, pattern) for pattern in allowed):
        return ""
    return (
        f"it may not send {variable} to {host!r}: allowed are {listing(allowed)}. If {way!r} is meant, allow it with "
        f"the setting `allowed_keys` (PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_KEYS)"
    )


def usual_key(connection: str) -> str:
    """The name that the variable with a connection's key usually has."""
    return f"{connection.upper().replace('-', '_')}{KEY_SUFFIX}"
