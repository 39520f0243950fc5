"""Checks that other packages bring, found by entry point."""

from functools import cache
from importlib.metadata import entry_points

from agentic_prefect.plugins.loading import load_plugins
from agentic_prefect.ports import Verifier

GROUP = "agentic_prefect.verifiers"
"""The entry point's name is the check's; its value is a `Verifier`, or something without arguments that makes one."""


@cache
def installed_verifiers() -> dict[str, Verifier]:
    """The verifiers of all installed packages by name; one that cannot be loaded is reported and left out."""
    return load_plugins(entry_points(group=GROUP), Verifier, what="verifier", method="verify(output, work, options)")
