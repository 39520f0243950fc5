"""The kind `function`: a Python function does the work."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from agentic_prefect.agents.arguments import arguments_for
from agentic_prefect.agents.calling import called, checked_output
from agentic_prefect.agents.plain_call import function_named
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.ports import FunctionRunner, Work


class FunctionKind:
    """Executes tasks by calling the function that the task's `call` names.

    Args:
        allowed_packages: The packages whose functions a plan may call.
        runner: What runs functions that are not async; `None` runs them in a thread of this process.
    """

    def __init__(self, allowed_packages: Sequence[str], runner: FunctionRunner | None = None) -> None:
        self._allowed_packages, self._runner = tuple(allowed_packages), runner

    async def execute(self, work: Work) -> Any:
        """What the function returns, as JSON data. An async function runs here, any other where the runner runs it.

        Raises:
            PlanInvalid: There is no such function, or it may not be called.
            InvalidRequest: The task's input does not fit its parameters; all problems at once.
            InvalidOutput: What it returned has no JSON form, or not the one that the task asks for.
            Exception: Whatever the function raises.
        """
        function = self._function_of(work)
        positional, by_name = arguments_for(function, work.input)
        if self._runner is None or inspect.iscoroutinefunction(function):
            output = await called(function, *positional, **by_name)
        else:
            output = await self._runner.call(work)
        return checked_output(output, work.output, said_by=f"The function {work.task.call!r}")

    def fingerprint(self, work: Work) -> str:
        """What else the output depends on: the function as it is written by now."""
        try:
            return inspect.getsource(self._function_of(work))
        except (OSError, TypeError):  # built in, or from somewhere without its source
            return ""

    def _function_of(self, work: Work) -> Callable[..., Any]:
        if not work.task.call:
            raise PlanInvalid(
                f"Task {work.task.id!r} is of kind `function` and names none. Set `call: package.module:name`."
            )
        return function_named(work.task.call, self._allowed_packages)
