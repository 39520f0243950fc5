"""Which environment variables a plan may name as the key of a connection."""

from typing import Final

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


def usual_key(connection: str) -> str:
    """The name that the variable with a connection's key usually has."""
    return f"{connection.upper().replace('-', '_')}{KEY_SUFFIX}"
