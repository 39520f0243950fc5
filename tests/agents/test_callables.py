"""Functions as agents."""

import contextvars
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from agentic_prefect.agents.callables import CallableRunner
from agentic_prefect.errors import InvalidOutput
from agentic_prefect.models.chat import Message, OutputSchema
from agentic_prefect.models.usage import Usage
from agentic_prefect.ports import AgentRunner, Work
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.registry import default_registry
from tests.agents.conftest import make_work

BUILDER = PromptBuilder(default_registry())
SCHEMA = OutputSchema(
    name="n", json_schema={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
)
place: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="nowhere")


async def asked(function: Any, work: Work | None = None) -> Any:
    """What a function answers as an agent."""
    work = work or make_work("Sing.")
    return await CallableRunner(function).run(BUILDER.build_for_task(work), work)


async def test_async_function_is_an_agent() -> None:  # A-16, P-44
    """It gets the whole prompt as one text, and what it returns is the answer."""

    async def shout(prompt: str) -> str:
        return prompt.rsplit("\n", 1)[-1].upper()

    assert await asked(shout) == "SING."
    assert isinstance(CallableRunner(shout), AgentRunner)


async def test_sync_function_runs_in_a_thread_with_the_context() -> None:
    """The event loop is not blocked, and context variables are those of the caller."""
    place.set("here")

    def where(prompt: str) -> list[Any]:
        return [place.get(), threading.current_thread() is threading.main_thread()]

    assert await asked(where) == ["here", False]


async def test_object_with_an_async_call_is_an_agent() -> None:
    """Frameworks often have agents of this kind."""

    class Agent:
        async def __call__(self, prompt: str) -> str:
            return threading.current_thread().name

    assert await asked(Agent()) == threading.current_thread().name


async def test_function_may_ask_for_more() -> None:
    """Messages, schema and work come by name; usage that it reports is counted."""

    async def curious(prompt: str, work: Work, messages: tuple[Message, ...], schema: Any = 1) -> dict[str, Any]:
        work.trail.spent(Usage(input_tokens=3, calls=1))
        return {"task": work.task_id, "roles": [message.role for message in messages], "schema": schema}

    work = make_work()

    assert await asked(curious, work) == {"task": "t", "roles": ["system", "user"], "schema": None}
    assert work.trail.usage.input_tokens == 3


@dataclass
class Number:
    n: Any


@pytest.mark.parametrize("answer", ['{"n": 1}', 'Here:\n```json\n{"n": 1}\n```', {"n": 1}, Number(1)])
async def test_answer_is_brought_into_form(answer: Any) -> None:
    """Text is read as JSON where data is asked for; data is taken as it is."""
    assert await asked(lambda prompt: answer, make_work(output=SCHEMA)) == {"n": 1}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [('{"n": "x"}', "'x' is not of type 'integer'"), ("no", "JSON"), (Number("x"), "agent 'a' returned .*integer")],
)
async def test_answer_of_the_wrong_form_is_an_invalid_output(answer: Any, problem: str) -> None:
    """The message says what is wrong with it."""
    with pytest.raises(InvalidOutput, match=problem):
        await asked(lambda prompt: answer, make_work(output=SCHEMA))
