"""`agentic-prefect limits`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from agentic_prefect.cli.terminal import stdout

app = App(
    name="limits",
    help="Limit the requests and tokens per minute of a connection, for all workers together.",
    help_format="plaintext",
)

PerMinute = Annotated[int | None, Parameter(validator=validators.Number(gte=1))]


@app.command(name="list")
def list_limits(*, format: Annotated[Literal["text", "json"], Parameter(name=("--format", "-f"))] = "text") -> None:
    """List the limits that are set.

    Args:
        format: Lines for people, or JSON for programs.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.sharing import limits

    found = limits()
    if format == "json":
        data = [{"connection": each.connection, "kind": each.kind, "per_minute": each.per_minute} for each in found]
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
    for each in found if format == "text" else ():
        stdout().print(f"{each.connection}: {each.per_minute:,} {each.kind} a minute", soft_wrap=True)
    if not found and format == "text":
        stdout().print("No limit is set. Set one with `agentic-prefect limits set CONNECTION`.")


@app.command(name="set")
def set_limits(
    connection: str, /, *, requests_per_minute: PerMinute = None, tokens_per_minute: PerMinute = None
) -> None:
    """Set the limits of a connection. They hold where the setting `shared_limits` is on.

    Args:
        connection: Its name, as in `model: CONNECTION/MODEL`.
        requests_per_minute: At most so many requests.
        tokens_per_minute: At most so many tokens, as they are estimated before each request.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.sharing import set_limits

    for each in set_limits(connection, requests_per_minute, tokens_per_minute):
        stdout().print(f"{each.connection}: {each.per_minute:,} {each.kind} a minute", soft_wrap=True)


@app.command
def remove(connection: str, /) -> None:
    """Remove the limits of a connection.

    Args:
        connection: Its name.
    """
    # Loaded here, as in the other commands: Prefect takes a second.
    from agentic_prefect.cli.sharing import remove_limits

    remove_limits(connection)
    stdout().print(f"The limits of {connection!r} are removed.", soft_wrap=True)
