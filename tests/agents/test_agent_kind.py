"""The kind `agent`: who answers, and what is on record."""

import pytest

from agentic_prefect.agents.agent_kind import AgentKind
from agentic_prefect.agents.callables import CallableRunner
from agentic_prefect.errors import CriticalError
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.prompt import RenderedPrompt
from agentic_prefect.ports import TaskKind, Work
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.errors import UnknownTemplate
from agentic_prefect.prompting.registry import default_registry
from agentic_prefect.prompting.template import PromptTemplate
from tests.agents.conftest import make_work

BUILDER = PromptBuilder(default_registry())


class Echo:
    """An agent of somebody's own: it answers with the prompt and notes who asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.recorded: list[bool] = []

    async def run(self, prompt: RenderedPrompt, work: Work) -> str:
        self.recorded.append(work.trail.prompt == prompt.record)
        return f"{self.name}: {prompt.messages[-1].content}"


async def test_each_agent_may_have_a_runner_of_its_own() -> None:
    """The same task runs with two kinds of agents; a custom one gets the rendered text."""  # P-44
    kind = AgentKind(BUILDER, Echo("default"), {"special": Echo("special")})

    outputs = [await kind.execute(make_work("Sing.", agent=AgentSpec(name=name))) for name in ("a", "special")]

    assert outputs == ["default: # Task Description\n\nSing.", "special: # Task Description\n\nSing."]
    assert isinstance(kind, TaskKind)


async def test_prompt_is_recorded_before_the_call() -> None:
    """The agent finds the record in place, so that it is there even if the agent never returns."""  # P-43
    echo = Echo("x")
    await AgentKind(BUILDER, echo).execute(make_work())

    assert echo.recorded == [True]


async def test_prompt_of_a_failed_attempt_is_recorded() -> None:
    """What the agent raises passes through, and the record stays."""

    async def fail(prompt: str) -> str:
        raise CriticalError("stop")

    work = make_work()
    with pytest.raises(CriticalError):
        await AgentKind(BUILDER, CallableRunner(fail)).execute(work)

    assert work.trail.prompt is not None
    assert work.trail.prompt.id == "agent.default"


async def test_no_prompt_no_call() -> None:
    """A template that is not there is found before anybody is asked."""
    echo = Echo("x")
    with pytest.raises(UnknownTemplate):
        await AgentKind(BUILDER, echo).execute(make_work(prompt="nothing"))

    assert echo.recorded == []


def test_fingerprint_follows_template_and_runner() -> None:
    """A changed template or another kind of agent is other work; the same ones are the same."""

    def fingerprint(source: str, **runners: Echo) -> str:
        registry = default_registry()
        registry.register(PromptTemplate(id="mine", source=source))
        return AgentKind(PromptBuilder(registry), Echo("x"), runners).fingerprint(make_work(prompt="mine"))

    assert fingerprint("a") == fingerprint("a")
    assert len({fingerprint("a"), fingerprint("b"), fingerprint("a", a=Echo("y"))}) == 3
