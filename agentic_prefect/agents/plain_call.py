"""Calls a function that is named, in whatever process this is."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from agentic_prefect.agents.arguments import arguments_for
from agentic_prefect.agents.calling import checked_output
from agentic_prefect.agents.importing import import_object
from agentic_prefect.errors import PlanInvalid


def function_named(reference: str, allowed_packages: Sequence[str]) -> Callable[..., Any]:
    """The function that `reference` means.

    Raises:
        PlanInvalid: There is no such function, or it may not be called.
    """
    function = import_object(reference, allowed_packages)
    if not callable(function):
        raise PlanInvalid(f"{reference!r} is {type(function).__name__!r} and cannot be called. Name a function.")
    return cast("Callable[..., Any]", function)


def call_plain(reference: str, allowed_packages: Sequence[str], given: Any) -> Any:
    """What the function returns for a task's input, as JSON data. Only for where no event loop runs.

    Raises:
        PlanInvalid: There is no such function here, or it may not be called.
        InvalidRequest: The input does not fit its parameters.
        InvalidOutput: What it returned has no JSON form.
        Exception: Whatever the function raises.
    """
    function = function_named(reference, allowed_packages)
    positional, by_name = arguments_for(function, given)
    output = function(*positional, **by_name)
    if inspect.isawaitable(output):  # decorated, an async function does not look async from outside
        output = asyncio.run(_awaited(output))
    return checked_output(output, None, said_by=f"The function {reference!r}")


async def _awaited(output: Awaitable[Any]) -> Any:
    return await output
