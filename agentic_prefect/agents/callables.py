"""Functions and agents of other frameworks in place of the built-in agent."""

import inspect
from collections.abc import Callable
from typing import Any, Final

from agentic_prefect.agents.calling import called, checked_output
from agentic_prefect.llm.structured import parse_answer
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.ports import Work

EXTRAS: Final = ("messages", "work", "schema")
"""What a function is given besides the prompt's text if it has a parameter of that name."""


class CallableRunner:
    """An `AgentRunner` that hands the prompt to a function; one that is not async runs in a thread.

    ```python
    async def ask_our_agent(prompt: str) -> str: ...

    runners = {"researcher": CallableRunner(ask_our_agent)}
    ```

    Args:
        function: Takes the whole prompt as one text and returns the answer. By name it can also ask for `messages`,
            `schema` (the JSON Schema of the answer, or `None`) and `work`. What it used is counted when it says so:
            `work.trail.spent(Usage(...))`.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        parameters = list(inspect.signature(function).parameters.values())
        self._wanted = [each.name for each in parameters[1:] if each.name in EXTRAS]

    async def run(self, prompt: RenderedPrompt, work: Work) -> Any:
        """What the function returns; text is read as JSON where the task asks for data.

        Raises:
            InvalidOutput: The answer does not have the form that the task asks for.
            Exception: Whatever the function raises.
        """
        schema = work.output.json_schema if work.output else None
        extras = {"messages": prompt.messages, "work": work, "schema": schema}
        answer = await called(self._function, prompt.record.text, **{name: extras[name] for name in self._wanted})
        if isinstance(answer, str) and schema is not None:
            return parse_answer(answer, schema)
        return checked_output(answer, work.output, said_by=f"The agent {work.agent.name!r}")
