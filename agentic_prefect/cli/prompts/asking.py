"""Runs the small plans with which commands ask a model, or people."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentic_prefect.bootstrap import RunOptions
from agentic_prefect.cli import engine
from agentic_prefect.cli.progress import showing
from agentic_prefect.cli.terminal import is_attended, stderr
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult


def run_to_result(plan: Plan, inputs: Mapping[str, Any], options: RunOptions) -> PlanResult:
    """What became of a plan; how it goes is shown on standard error.

    Raises:
        AgenticError: Something kept the plan from running.
    """
    console = stderr()
    engine.keep_prefects_log_aside(console)
    engine.require_runnable(plan, options)
    with showing(plan, console, quiet=False, verbose=False) as progress:
        options = replace(options, observers=[progress], attended=is_attended())
        with engine.run_to_the_end(plan, inputs, options, progress, console) as result:
            return result
