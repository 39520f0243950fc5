"""Runs a plan in Prefect from the command line: the server looked at, Prefect's log kept aside, signals heard."""

import asyncio
import logging
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, Final

import httpx
from prefect.settings import (
    PREFECT_API_URL,
    temporary_settings,
)
from rich.console import Console

from agentic_prefect.blocks.refusal import refusal
from agentic_prefect.bootstrap import RunOptions, check, default_model_name, require_places, run_plan
from agentic_prefect.cli.progress import ConsoleHandler, Progress
from agentic_prefect.cli.server import ServerUnreachable, require_server, run_settings
from agentic_prefect.cli.signals import LoopThread, signals_stop
from agentic_prefect.errors import ConnectionLost
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.plans.problems import PlanProblems, Problem, errors_in
from agentic_prefect.runtime.stop import StopSignal

OWN_HANDLERS: Final = ("prefect._internal", "uvicorn", "fastapi")
"""Loggers to which Prefect gives handlers of their own that write to the terminal."""


class NoServerOfItsOwn(ConnectionLost):
    """Prefect could not start a server for this run alone."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"Prefect did not start a server for this run: {why.rstrip('.')}. Start one that stays, with "
            f"`prefect server start` or `agentic-prefect dev`, and set PREFECT_API_URL."
        )


def require_runnable(plan: Plan, options: RunOptions) -> tuple[Problem, ...]:
    """Make sure that the plan is right, a model would answer and the server is there; the warnings about the plan.

    Raises:
        PlanProblems: The plan is wrong; all problems at once.
        AgenticError: No model would answer; the message names the ways out.
        ServerUnreachable: The server does not answer.
    """
    problems = check(plan, options, importing=True)
    if errors := errors_in(problems):
        raise PlanProblems(f"plan {plan.name!r}", errors)
    default_model_name(plan, options)
    require_places(plan, options)
    require_server()
    return problems


def keep_prefects_log_aside(console: Console) -> None:
    """Take Prefect's log off the terminal until this process ends; the server gets it as ever. Our own warnings stay.

    It is not put back after the run: Prefect still writes lines while the process ends.
    """
    for logger in map(logging.getLogger, ("", *OWN_HANDLERS)):
        for handler in [each for each in logger.handlers if type(each).__module__.startswith("prefect.")]:
            logger.removeHandler(handler)
        # Without any handler Python writes warnings to standard error by itself.
        logger.addHandler(logging.NullHandler())
    logging.getLogger("agentic_prefect").addHandler(ConsoleHandler(console, level=logging.WARNING))


@contextmanager
def run_to_the_end(
    plan: Plan, inputs: Mapping[str, Any], options: RunOptions, progress: Progress, console: Console
) -> Generator[PlanResult]:
    """Run a plan; the body is given the result, and then everything that still runs in threads is waited for.

    The first Ctrl-C, SIGTERM or SIGHUP ends the run and keeps what there is; a Ctrl-C after that ends the process at
    once, whatever it waits for.

    Raises:
        AgenticError: What kept the plan from running.
    """
    stop = StopSignal()
    with temporary_settings(run_settings()):
        thread = LoopThread()
        # Signals are heard for as long as the loop is open: threads are waited for when it is closed.
        with signals_stop(stop, thread.loop, progress, console), closing(thread):
            try:
                result = thread.run(_run(plan, inputs, options, progress, console, stop))
            except httpx.HTTPStatusError as error:
                raise refusal(error) from error
            except httpx.TransportError as error:
                raise ServerUnreachable(PREFECT_API_URL.value() or "", str(error) or type(error).__name__) from error
            except RuntimeError as error:
                if "ephemeral" not in str(error):
                    raise
                raise NoServerOfItsOwn(str(error)) from error
            yield result


async def _run(
    plan: Plan,
    inputs: Mapping[str, Any],
    options: RunOptions,
    progress: Progress,
    console: Console,
    stop: StopSignal,
) -> PlanResult:
    beside = [asyncio.create_task(progress.keep_going())]
    if options.attended:
        # Loaded only where somebody sits: what it looks up questions with takes its time.
        from agentic_prefect.cli.answering import Answering

        answering = Answering(console, progress)
        options = replace(options, observers=[*options.observers, answering])
        beside.append(asyncio.create_task(answering.keep_going()))
    try:
        return await run_plan(plan, inputs, options=options, stop=stop)
    finally:
        for each in beside:
            each.cancel()
