"""The built-in agent, over real HTTP."""

import json

import pytest

from agentic_prefect.agents.agent_kind import AgentKind
from agentic_prefect.agents.runner import ModelRunner
from agentic_prefect.errors import InvalidOutput, PlanInvalid, RateLimited, Refused
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.chat import ModelSettings, OutputSchema
from agentic_prefect.prompting.builder import PromptBuilder
from agentic_prefect.prompting.registry import default_registry
from agentic_prefect.prompting.template import PromptTemplate
from agentic_prefect.testing import Fault, Reply, ScriptedServer
from tests.agents.conftest import MakeModels, make_work

BUILDER = PromptBuilder(default_registry())
SCHEMA = OutputSchema(
    name="answer",
    json_schema={
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
        "additionalProperties": False,
    },
)


async def test_agent_answers_with_what_the_model_said(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """The server saw the instructions, and the result is its answer."""
    scripted_server.on("Name a river.", Reply.text("The Rhine"))
    work = make_work("Name a river.")

    output = await ModelRunner(make_models()).run(BUILDER.build_for_task(work), work)

    assert output == "The Rhine"
    assert scripted_server.count == 1


async def test_server_received_the_recorded_prompt(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """What the record says is what was sent, message by message."""  # P-42, P-43
    work = make_work("Name a river.", agent=AgentSpec(name="a", role="geographer"), input={"land": "NL"})

    await AgentKind(BUILDER, ModelRunner(make_models())).execute(work)

    sent = scripted_server.requests[0].body["messages"]
    assert work.trail.prompt is not None
    assert "\n\n".join(message["content"] for message in sent) == work.trail.prompt.text
    assert [message["role"] for message in sent] == ["system", "user"]


async def test_prompt_is_seen_before_anything_is_sent(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """The prompt of a task can be had without a request, and it is the one that is sent later."""  # P-01, P-41
    kind, work = AgentKind(BUILDER, ModelRunner(make_models())), make_work("Name a river.")
    shown = kind.prompt_for(work)
    before = scripted_server.count
    await kind.execute(work)

    assert before == 0
    assert work.trail.prompt == shown.record


async def test_task_without_an_agent_runs(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """A plain assistant does it."""  # L-16
    scripted_server.answer_by_default(Reply.text("done"))
    work = make_work("Do it.", agent=AgentSpec())

    assert await AgentKind(BUILDER, ModelRunner(make_models())).execute(work) == "done"
    assert "Your role: assistant" in scripted_server.requests[0].prompt_text


async def test_schema_is_sent_and_the_answer_parsed(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """The form is asked for in the request as in the prompt, and data comes back."""
    work = make_work(output=SCHEMA)

    output = await ModelRunner(make_models()).run(BUILDER.build_for_task(work), work)

    assert list(output) == ["title"]
    assert scripted_server.requests[0].output_schema == SCHEMA.json_schema
    assert json.dumps(SCHEMA.json_schema, indent=2) in scripted_server.requests[0].prompt_text


async def test_answer_of_the_wrong_form_is_sent_back(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """One repair: two calls, both counted, and the second one says what was wrong."""
    scripted_server.queue([Reply.text('{"titel": "x"}'), Reply.text('{"title": "x"}')])
    work = make_work(output=SCHEMA, repairs=1)

    output = await ModelRunner(make_models()).run(BUILDER.build_for_task(work), work)

    assert output == {"title": "x"}
    assert work.trail.usage.calls == 2
    assert "'title' is a required property" in scripted_server.requests[1].prompt_text


async def test_without_repairs_the_first_answer_counts(
    scripted_server: ScriptedServer, make_models: MakeModels
) -> None:
    """The failure is an `invalid_output`, and what it cost is on the trail."""
    scripted_server.queue([Reply.text('{"titel": "x"}')])
    work = make_work(output=SCHEMA)

    with pytest.raises(InvalidOutput, match="title"):
        await ModelRunner(make_models()).run(BUILDER.build_for_task(work), work)

    assert work.trail.usage.calls == 1
    assert work.trail.usage.total_tokens > 0


async def test_failed_call_leaves_a_trail(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """Prompt, model and the call are known though nothing was answered."""
    scripted_server.queue([Fault.rate_limited(retry_after_s=7)])
    work = make_work(model="scripted/some-model")

    with pytest.raises(RateLimited) as raised:
        await AgentKind(BUILDER, ModelRunner(make_models())).execute(work)

    assert raised.value.retry_after_s == 7
    assert (work.trail.model, work.trail.usage.calls) == ("some-model", 1)
    assert work.trail.prompt is not None


async def test_refusal_is_an_error(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """What the model says in place of an answer is not taken for one."""
    scripted_server.queue([Fault.refusal("I would rather not.")])
    work = make_work()

    with pytest.raises(Refused, match="I would rather not"):
        await ModelRunner(make_models()).run(BUILDER.build_for_task(work), work)


async def test_nearest_settings_win(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """The agent's settings go over the connection's; what neither sets is not sent."""
    models = make_models(
        scripted={"settings": ModelSettings(temperature=0.9, seed=1, extra={"user": "c", "metadata": {"a": "b"}})}
    )
    agent = AgentSpec(name="a", settings=ModelSettings(temperature=0.1, extra={"user": "d"}))
    work = make_work(agent=agent, model="scripted/big")

    await ModelRunner(models).run(BUILDER.build_for_task(work), work)

    body = scripted_server.requests[0].body
    assert {name: body.get(name) for name in ("model", "temperature", "seed", "user", "metadata")} == {
        "model": "big",
        "temperature": 0.1,
        "seed": 1,
        "user": "d",
        "metadata": {"a": "b"},
    }
    assert "top_p" not in body


async def test_unknown_connection_asks_nobody(scripted_server: ScriptedServer, make_models: MakeModels) -> None:
    """A model that cannot be found fails before any request."""
    models = make_models(one={}, other={})
    work = make_work(model="nowhere/m")

    with pytest.raises(PlanInvalid, match="nowhere"):
        await ModelRunner(models).run(BUILDER.build_for_task(work), work)

    assert scripted_server.count == 0


async def test_prompt_and_request_ask_for_the_same_form(
    scripted_server: ScriptedServer, make_models: MakeModels
) -> None:
    """The schema in the text is the one that is sent."""  # P-61
    work = make_work(output=SCHEMA)
    await AgentKind(BUILDER, ModelRunner(make_models())).execute(work)
    (request,) = scripted_server.requests

    told = request.prompt_text.partition("# Output Requirements")[2]
    assert json.JSONDecoder().raw_decode(told[told.index("{") :])[0] == request.output_schema


async def test_thoughts_come_with_the_answer_and_are_left_out(
    scripted_server: ScriptedServer, make_models: MakeModels
) -> None:
    """A template with `reasoning` asks for thoughts, in the text and in the request; the output is the answer alone."""
    # P-64
    registry = default_registry()
    registry.register(PromptTemplate(id="think", source='{% extends "agent.default" %}', reasoning=True))
    scripted_server.answer_by_default(Reply.json_value({"reasoning": "2 + 2.", "answer": {"title": "4"}}))
    kind = AgentKind(PromptBuilder(registry), ModelRunner(make_models()))

    output = await kind.execute(make_work("Add.", output=SCHEMA, prompt="think"))

    (request,) = scripted_server.requests
    assert output == {"title": "4"}
    assert request.output_schema is not None
    assert list(request.output_schema["properties"]) == ["reasoning", "answer"]
    assert "write your thoughts as `reasoning`" in request.prompt_text


async def test_answer_without_its_thoughts_form_is_sent_back(
    scripted_server: ScriptedServer, make_models: MakeModels
) -> None:
    """What has not the whole form is repaired like any other answer."""  # P-64
    registry = default_registry()
    registry.register(PromptTemplate(id="think", source="{{ description }}", reasoning=True))
    scripted_server.on("Add.", Reply.text("4"), Reply.json_value({"reasoning": "", "answer": "4"}))
    kind = AgentKind(PromptBuilder(registry), ModelRunner(make_models()))

    assert await kind.execute(make_work("Add.", prompt="think", repairs=1)) == "4"
    assert scripted_server.count == 2


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_picture_reaches_the_model_as_one(
    api: str, scripted_server: ScriptedServer, make_models: MakeModels
) -> None:
    """An image in the input is a content part of the request, beside the text that says where it belongs."""  # P-63
    url = "data:image/png;base64,iVBORw0KGgo="
    work = make_work("What is it?", input={"photo": {"type": "image", "url": url, "detail": "low"}})
    await AgentKind(BUILDER, ModelRunner(make_models(scripted={"api": api}))).execute(work)
    (request,) = scripted_server.requests
    parts = request.body["messages" if api == "chat" else "input"][-1]["content"]

    wanted = {
        "chat": {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
        "responses": {"type": "input_image", "image_url": url, "detail": "low"},
    }
    assert parts[1] == wanted[api]
    assert '"photo": "(image 1)"' in parts[0]["text"]
