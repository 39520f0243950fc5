"""Puts the parts together. Apart from the doors, the only place that names implementations."""

from agentic_prefect.bootstrap.assembly import Assembly
from agentic_prefect.bootstrap.options import RunOptions
from agentic_prefect.bootstrap.preview import check, check_offline, default_model_name, known, prompt_of, require_places
from agentic_prefect.bootstrap.run import agent_task, run_plan, run_plan_here, services

__all__ = [
    "Assembly",
    "RunOptions",
    "agent_task",
    "check",
    "check_offline",
    "default_model_name",
    "known",
    "prompt_of",
    "require_places",
    "run_plan",
    "run_plan_here",
    "services",
]
