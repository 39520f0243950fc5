"""How a task names a deployment, and which ones it may name."""

import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Final

from agentic_prefect.plans.names import listing

OF_PLANS: Final = "run-plan"
"""The flow of the deployments that `agentic-prefect deploy` makes."""
WRITTEN: Final = re.compile(r"[^/{}%&<>\s][^/{}%&<>]*(/[^/{}%&<>\s][^/{}%&<>]*)?")
"""`FLOW/DEPLOYMENT`, or a name alone; the characters that Prefect takes in names."""


def deployment_name(written: str) -> str:
    """`FLOW/DEPLOYMENT`; a name alone is that of a deployment of a plan."""
    return written if "/" in written else f"{OF_PLANS}/{written}"


def forbidden(written: str, allowed: Collection[str]) -> str:
    """Why a plan may not run the deployment; empty where it may.

    Args:
        written: How the task names it.
        allowed: Those that may be run, as `FLOW/DEPLOYMENT`, in which `*` stands for any text.
    """
    name = deployment_name(written)
    if any(fnmatchcase(name, pattern) for pattern in allowed):
        return ""
    return (
        f"a plan may not run the deployment {name!r}: allowed are {listing(allowed)}. Allow it with the "
        f"setting `allowed_deployments` (PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_DEPLOYMENTS)"
    )


def is_of_plan(written: str) -> bool:
    """Whether the deployment is, by its name, one of a plan."""
    return deployment_name(written).startswith(f"{OF_PLANS}/")
