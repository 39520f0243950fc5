"""The test kit: a scripted model over HTTP and in process, builders, a recording observer, a history, a pytest plugin.

The names below are loaded when they are first used, because the pytest plugin imports this package in every run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agentic_prefect.models.schema_echo import EchoImpossible, echo
    from agentic_prefect.testing.builders import make_plan, make_task
    from agentic_prefect.testing.completion import count_tokens
    from agentic_prefect.testing.fault import Fault
    from agentic_prefect.testing.history import MemoryHistory
    from agentic_prefect.testing.journal import NotInTime, Tally
    from agentic_prefect.testing.recording import RecordingObserver
    from agentic_prefect.testing.request import ScriptedRequest
    from agentic_prefect.testing.script import Match, Reply, ReportedUsage, Rule, Script, ToolCall
    from agentic_prefect.testing.scripted_model import ScriptedChatModel
    from agentic_prefect.testing.server.scripted_server import ScriptedServer

_PUBLIC: Final = {
    "EchoImpossible": "agentic_prefect.models.schema_echo",
    "Fault": "agentic_prefect.testing.fault",
    "Match": "agentic_prefect.testing.script",
    "MemoryHistory": "agentic_prefect.testing.history",
    "NotInTime": "agentic_prefect.testing.journal",
    "RecordingObserver": "agentic_prefect.testing.recording",
    "Reply": "agentic_prefect.testing.script",
    "ReportedUsage": "agentic_prefect.testing.script",
    "Rule": "agentic_prefect.testing.script",
    "Script": "agentic_prefect.testing.script",
    "ScriptedChatModel": "agentic_prefect.testing.scripted_model",
    "ScriptedRequest": "agentic_prefect.testing.request",
    "ScriptedServer": "agentic_prefect.testing.server.scripted_server",
    "Tally": "agentic_prefect.testing.journal",
    "ToolCall": "agentic_prefect.testing.script",
    "count_tokens": "agentic_prefect.testing.completion",
    "echo": "agentic_prefect.models.schema_echo",
    "make_plan": "agentic_prefect.testing.builders",
    "make_task": "agentic_prefect.testing.builders",
}
"""Public name -> the module that defines it."""

__all__ = [
    "EchoImpossible",
    "Fault",
    "Match",
    "MemoryHistory",
    "NotInTime",
    "RecordingObserver",
    "Reply",
    "ReportedUsage",
    "Rule",
    "Script",
    "ScriptedChatModel",
    "ScriptedRequest",
    "ScriptedServer",
    "Tally",
    "ToolCall",
    "count_tokens",
    "echo",
    "make_plan",
    "make_task",
]


def __getattr__(name: str) -> object:
    """Load the public name `name` on first use and keep it."""
    if name not in _PUBLIC:
        raise AttributeError(
            f"module 'agentic_prefect.testing' has no public name {name!r}. It has: {', '.join(__all__)}. "
            f"Everything else is imported from its own module."
        )
    value: object = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
