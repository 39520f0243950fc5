"""How a task names a deployment."""

import re
from typing import Final

OF_PLANS: Final = "run-plan"
"""The flow of the deployments that `agentic-prefect deploy` makes."""
WRITTEN: Final = re.compile(r"[^/{}%&<>\s][^/{}%&<>]*(/[^/{}%&<>\s][^/{}%&<>]*)?")
"""`FLOW/DEPLOYMENT`, or a name alone; the characters that Prefect takes in names."""


def deployment_name(written: str) -> str:
    """`FLOW/DEPLOYMENT`; a name alone is that of a deployment of a plan."""
    return written if "/" in written else f"{OF_PLANS}/{written}"


def is_of_plan(written: str) -> bool:
    """Whether the deployment is, by its name, one of a plan."""
    return deployment_name(written).startswith(f"{OF_PLANS}/")
