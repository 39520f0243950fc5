"""The `agentic-prefect` command.

`app` names the subcommands and loads each when it is called; one file holds one subcommand. `failures` is the only
place that turns an error into a message and an exit code.
"""

from agentic_prefect.cli.app import main

__all__ = ["main"]
