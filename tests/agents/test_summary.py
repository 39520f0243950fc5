"""Context that a model sums up."""

import pytest

from agentic_prefect.agents.agent_kind import AgentKind
from agentic_prefect.agents.runner import ModelRunner
from agentic_prefect.errors import AuthenticationFailed
from agentic_prefect.models.prompt import ContextItem
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.registry import default_registry
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from tests.agents.conftest import MakeModels, make_work

BUILDER = PromptBuilder(default_registry())
LONG = ContextItem(text="Fact after fact. " * 200, source="log", max_tokens=50, shorten="model")
ASKS_FOR_SUMMARY = "Sum the text up in at most 30 words"


async def test_long_text_is_summed_up(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """The model is asked once, with the purpose; its summary stands in the prompt as data, and the task pays."""
    # P-33
    scripted_server.on(ASKS_FOR_SUMMARY, Reply.text("Many facts."))
    work = make_work("Count the facts.", context=(LONG, ContextItem(text="short")))
    await AgentKind(BUILDER, ModelRunner(make_models())).execute(work)
    asked, sent = (request.prompt_text for request in scripted_server.requests)

    assert "# What It Is For\n\nCount the facts." in asked
    assert "Data from log (a summary), to work with" in sent
    assert "Many facts." in sent
    assert "Fact after fact." not in sent
    assert work.trail.usage.calls == 2
    assert work.trail.prompt is not None
    assert (work.trail.prompt.id, work.trail.prompt.shortened) == ("agent.default", ("log",))


async def test_it_is_cut_where_no_model_can_be_asked(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """The task goes on with the beginning of the text, marked as such."""
    scripted_server.on(ASKS_FOR_SUMMARY, Fault.server_error())
    work = make_work("Count the facts.", context=(LONG,))
    await AgentKind(BUILDER, ModelRunner(make_models())).execute(work)

    assert "Fact after fact.\n[… cut: " in scripted_server.requests[1].prompt_text


async def test_a_missing_key_is_no_reason_to_cut(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """What the task itself would meet next ends the attempt."""
    scripted_server.on(ASKS_FOR_SUMMARY, Fault.wrong_key())

    with pytest.raises(AuthenticationFailed):
        await AgentKind(BUILDER, ModelRunner(make_models())).execute(make_work("x", context=(LONG,)))


async def test_what_is_short_enough_costs_nothing(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """Nobody is asked about it, nor about what is to be cut."""
    cut = LONG.model_copy(update={"shorten": "cut"})
    short = LONG.model_copy(update={"text": "A fact."})
    await AgentKind(BUILDER, ModelRunner(make_models())).execute(make_work("x", context=(cut, short)))

    assert scripted_server.count == 1


def test_preview_asks_nobody(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """A prompt that is only looked at shows the text cut."""
    prompt = AgentKind(BUILDER, ModelRunner(make_models())).prompt_for(make_work("x", context=(LONG,)))

    assert "[… cut: " in prompt.record.text
    assert scripted_server.count == 0
