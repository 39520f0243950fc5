"""Calls Python functions and brings what they return into form."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from agentic_prefect.errors import InvalidOutput
from agentic_prefect.llm.structured import schema_problems
from agentic_prefect.models.chat import OutputSchema


async def called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What the function returns. One that is not async runs in a thread, with the context variables of the caller.

    When the caller is cancelled, an async function is cancelled, too; a thread cannot be stopped, and what it returns
    is dropped.
    """
    if inspect.iscoroutinefunction(function):
        return await function(*args, **kwargs)
    output = await asyncio.to_thread(function, *args, **kwargs)
    # A decorated async function, or an object with an async `__call__`, does not look async from outside.
    return await output if inspect.isawaitable(output) else output


def checked_output(output: Any, schema: OutputSchema | None, *, said_by: str) -> Any:
    """The output as JSON data that follows the schema. Numbers that JSON lacks (NaN, infinity) become null.

    Args:
        output: Plain data, a pydantic model or a dataclass.
        schema: The form that is asked for; `None` takes any.
        said_by: Who returned it, for messages: "The function 'a.b:c'".

    Raises:
        InvalidOutput: It has no JSON form, or not the one that is asked for.
    """
    try:
        value = to_jsonable_python(output, inf_nan_mode="null")
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise InvalidOutput(
            f"{said_by} returned {type(output).__name__!r}, which has no JSON form ({error}). "
            f"Return plain data, a pydantic model or a dataclass."
        ) from error
    problems = schema_problems(value, schema.json_schema) if schema is not None else ()
    if problems:
        raise InvalidOutput(
            f"{said_by} returned something that does not follow the task's output schema: {'; '.join(problems)}.",
            problems,
        )
    return value
