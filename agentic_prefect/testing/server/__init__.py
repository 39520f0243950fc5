"""The scripted model as an HTTP server; `python -m agentic_prefect.testing.server` runs it on its own."""

from agentic_prefect.testing.journal import NotInTime, Tally
from agentic_prefect.testing.server.scripted_server import ScriptedServer

__all__ = ["NotInTime", "ScriptedServer", "Tally"]
