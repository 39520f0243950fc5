"""Loads what other packages bring by entry point."""

import logging
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import TypeVar

T = TypeVar("T")

_log = logging.getLogger(__name__)


def load_plugins(found: Iterable[EntryPoint], wanted: type[T], *, what: str, method: str) -> dict[str, T]:
    """What is behind these entry points, by name; one that cannot be loaded is reported and left out.

    Args:
        found: Their values are such things, or something without arguments that makes one.
        wanted: The protocol.
        what: What it is called in messages.
        method: What it must have.
    """
    loaded: dict[str, T] = {}
    for point in found:
        try:
            made = point.load()
            plugin = made() if isinstance(made, type) or not isinstance(made, wanted) else made
        except Exception as error:  # noqa: BLE001  # whatever a plugin raises, the others are still there
            _log.warning("The %s %r of %r cannot be loaded and is left out: %s", what, point.name, point.value, error)
            continue
        if not isinstance(plugin, wanted):
            _log.warning("The %s %r of %r is left out: it has no method `%s`.", what, point.name, point.value, method)
            continue
        loaded[point.name] = plugin
    return loaded
