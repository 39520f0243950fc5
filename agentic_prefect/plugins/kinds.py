"""Kinds of tasks that other packages bring, found by entry point."""

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from agentic_prefect.plugins.loading import load_plugins
from agentic_prefect.ports import TaskKind

GROUP = "agentic_prefect.task_kinds"
"""The entry point's name is the kind; its value is a `TaskKind`, or something without arguments that makes one."""


@cache
def installed_kinds() -> dict[str, TaskKind]:
    """The kinds of all installed packages by name."""
    return load_kinds(entry_points(group=GROUP))


def load_kinds(found: Iterable[EntryPoint]) -> dict[str, TaskKind]:
    """The kinds behind these entry points; one that cannot be loaded is reported and left out."""
    return load_plugins(found, TaskKind, what="task kind", method="execute(work)")
