"""Runs any plan: a stored one by its name, a file by its path, or a whole plan as text.

Parameters: `plan`, `inputs`, `model`, `max_concurrency`, `budget`, `rehearse`; the flow's docstring says what they
mean, and Prefect's form shows it. Environment: `OPENAI_API_KEY` or `OPENAI_BASE_URL`, unless the plan names its own
connections or a model on this machine answers.

The flow lives in the package, so that a deployment finds it wherever the package is installed; this file gives it a
path in a checkout.
"""

from agentic_prefect.doors import run_plan

__all__ = ["run_plan"]
