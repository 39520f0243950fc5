"""References to Python objects in plans: how they are written, and which packages they may lead to."""

import re
from collections.abc import Collection
from typing import Final

from agentic_prefect.plans.names import listing

REFERENCE: Final = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")
"""`package.module:name`."""
SETTING: Final = "`allowed_packages` (PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_PACKAGES)"
"""What widens the packages that a plan may name."""


def is_within(module: str, packages: Collection[str]) -> bool:
    """Whether a module is one of the packages, or below one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def refusal(reference: str, allowed_packages: Collection[str]) -> str:
    """Why a plan may not name what `reference` means; empty when it may."""
    if is_within(reference.partition(":")[0], allowed_packages):
        return ""
    return (
        f"A plan may not name {reference!r}: allowed packages are {listing(list(allowed_packages))}. "
        f"Allow another one with the setting {SETTING}."
    )
