"""The check that a Python function makes."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pydantic import ValidationError

from agentic_prefect.agents.calling import called
from agentic_prefect.errors import InvalidOutput
from agentic_prefect.models.check import FunctionCheck, title_of
from agentic_prefect.models.verdict import CheckVerdict
from agentic_prefect.ports import Work
from agentic_prefect.verification.rules import decided

EXTRAS: Final = ("history", "error", "input", "work")
"""What a function is given besides the output if it has a parameter of that name."""


async def check_function(check: FunctionCheck, function: Callable[..., Any], output: Any, work: Work) -> CheckVerdict:
    """What a function finds about an output.

    It takes the output, and by name `input`, `work`, `history` (the errors of the attempts before, oldest first) and
    `error` (the latest of them, or `None`). It returns a truth, what is wrong as a text or a list of texts (empty when
    nothing is), or `CheckVerdict`; a failed `assert` is what is wrong, too. One that is not async runs in a thread.

    Raises:
        InvalidOutput: It returned something else.
        Exception: Whatever else it raises.
    """
    extras = {
        "history": work.history,
        "error": work.history[-1] if work.history else None,
        "input": work.input,
        "work": work,
    }
    parameters = list(inspect.signature(function).parameters)[1:]
    name = title_of(check)
    try:
        found = await called(function, output, **{each: extras[each] for each in EXTRAS if each in parameters})
    except AssertionError as error:
        return decided(name, (str(error) or "an `assert` failed",))
    return _verdict(name, check.call, found)


def _verdict(name: str, call: str, found: Any) -> CheckVerdict:
    match found:
        case CheckVerdict():
            return found.model_copy(update={"check": name})
        case bool():
            return decided(name, () if found else ("it was not accepted",))
        case None:
            return decided(name, ())
        case str():
            return decided(name, (found,) if found.strip() else ())
        case list() | tuple() if all(isinstance(each, str) for each in cast("list[Any]", found)):
            return decided(name, tuple(cast("list[str]", found)))
        case Mapping():
            try:
                return CheckVerdict.model_validate({"check": name, **cast("Mapping[str, Any]", found)})
            except ValidationError as error:
                raise InvalidOutput(f"The check {call!r} returned no verdict: {error}") from error
        case _:
            raise InvalidOutput(
                f"The check {call!r} returned {type(found).__name__!r}. Return a truth, what is wrong as a text, "
                f"a list of such texts, or a `CheckVerdict`."
            )
