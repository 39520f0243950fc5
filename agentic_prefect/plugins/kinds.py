"""Kinds of tasks that other packages bring, found by entry point."""

import logging
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from agentic_prefect.ports import TaskKind

GROUP = "agentic_prefect.task_kinds"
"""The entry point's name is the kind; its value is a `TaskKind`, or something without arguments that makes one."""

_log = logging.getLogger(__name__)


@cache
def installed_kinds() -> dict[str, TaskKind]:
    """The kinds of all installed packages by name."""
    return load_kinds(entry_points(group=GROUP))


def load_kinds(found: Iterable[EntryPoint]) -> dict[str, TaskKind]:
    """The kinds behind these entry points; one that cannot be loaded is reported and left out."""
    kinds: dict[str, TaskKind] = {}
    for point in found:
        try:
            made = point.load()
            kind = made() if isinstance(made, type) or not isinstance(made, TaskKind) else made
        except Exception as error:  # noqa: BLE001  # whatever a plugin raises, the others are still there
            _log.warning("The task kind %r of %r cannot be loaded and is left out: %s", point.name, point.value, error)
            continue
        if not isinstance(kind, TaskKind):
            _log.warning(
                "The task kind %r of %r is left out: it has no method `execute(work)`.", point.name, point.value
            )
            continue
        kinds[point.name] = kind
    return kinds
