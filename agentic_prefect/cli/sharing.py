"""Limits that all workers share, looked at and changed on the server."""

from collections.abc import Sequence

from agentic_prefect.cli.server import ask_server
from agentic_prefect.cli.usage import UsageError
from agentic_prefect.plans.names import did_you_mean
from agentic_prefect.runtime.shared_limits import SharedLimit, remove_shared_limits, set_shared_limit, shared_limits


def limits() -> Sequence[SharedLimit]:
    """The limits that are set."""
    return ask_server(shared_limits())


def set_limits(connection: str, requests: int | None, tokens: int | None) -> Sequence[SharedLimit]:
    """Set the limits of a connection; those that were set.

    Raises:
        UsageError: None is given, or the name could not be a connection's.
    """
    if requests is None and tokens is None:
        raise UsageError("Give `--requests-per-minute`, `--tokens-per-minute`, or both.")
    if not connection.strip() or ":" in connection or "/" in connection:
        raise UsageError(f"{connection!r} is no connection's name; write only what stands before the slash of a model.")
    wanted = [SharedLimit(connection, "requests", requests)] if requests else []
    wanted += [SharedLimit(connection, "tokens", tokens)] if tokens else []
    for each in wanted:
        ask_server(set_shared_limit(each))
    return wanted


def remove_limits(connection: str) -> None:
    """Remove the limits of a connection.

    Raises:
        UsageError: It has none.
    """
    if not ask_server(remove_shared_limits(connection)):
        known = sorted({each.connection for each in limits()})
        hint = did_you_mean(connection, known)
        raise UsageError(f"The connection {connection!r} has no limits. {hint or ''}".strip())
