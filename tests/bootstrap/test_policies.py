"""Failure policies of whole runs: where they are set, and what they lead to, with real requests."""

from collections import Counter
from typing import Any

import pytest
from prefect import flow

from agentic_prefect import PlanStatus, RunOptions, agent_task, run_plan
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.agent import PolicyFields
from agentic_prefect.models.events import TaskRetrying
from agentic_prefect.plans.given_policy import given_policy
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.settings import AgenticSettings
from agentic_prefect.testing import Fault, RecordingObserver, Reply, ScriptedServer, make_plan

NOW = {"retry": {"backoff": "none"}}
"""Nobody waits in these tests."""


def plan_of(*tasks: dict[str, Any], **fields: Any) -> Any:
    """A plan whose tasks ask the scripted model."""
    return make_plan(*tasks, defaults={"model": "openai/scripted", **NOW, **fields.pop("defaults", {})}, **fields)


def asked(server: ScriptedServer) -> list[str | None]:
    """The model of each request, in order."""
    return [request.model for request in server.requests]


@pytest.mark.prefect
async def test_two_rate_limits_then_the_fallback(scripted_server: ScriptedServer, openai_env: None) -> None:
    """The rule counts attempts: the second one that is rate limited ends the task, and the fallback stands in."""
    # F-41 F-28
    scripted_server.on("Do search", Fault.server_error(), Fault.rate_limited(), Fault.rate_limited())
    rule = {"rate_limit": {"max_attempts": 2, "fallback": ["spare"]}}
    plan = plan_of({"id": "search", "failure_policy": rule}, {"id": "spare"})
    result = await run_plan(plan)
    error = result.results["search"].error

    assert (result.status, scripted_server.count) == (PlanStatus.COMPLETED, 3)
    assert error is not None
    assert [each.code for each in error.history] == ["server", "rate_limit"]
    assert result.result_of("search").task_id == "spare"


@pytest.mark.prefect
async def test_another_model_is_asked(scripted_server: ScriptedServer, openai_env: None) -> None:
    """After two rate limits the next attempts ask another model; the event and the result name it."""
    scripted_server.on("Do search", Fault.rate_limited(), Fault.rate_limited(), Reply.text("found"))
    heard = RecordingObserver()
    rule = {"rate_limit": {"model": "openai/spare", "model_after": 2}}
    plan = plan_of({"id": "search", "failure_policy": rule})
    result = await run_plan(plan, options=RunOptions(observers=[heard]))
    again = [event for event in heard.events if isinstance(event, TaskRetrying)]

    assert (result.output, asked(scripted_server)) == ("found", ["scripted", "scripted", "spare"])
    assert [(event.model, event.delay_s) for event in again] == [(None, 0.0), ("openai/spare", 0.0)]
    assert (result.results["search"].model, result.results["search"].attempts) == ("spare", 3)


@pytest.mark.prefect
async def test_what_another_model_answered_is_not_paid_again(scripted_server: ScriptedServer, openai_env: None) -> None:
    """A run that goes on takes over the answer of the model that stood in, and asks neither."""
    scripted_server.on("Do long", Fault.context_length(), Reply.text("short"))
    scripted_server.on("Do next", Fault.wrong_key(), Reply.text("done"))
    plan = plan_of(
        {"id": "long", "failure_policy": {"context_length": {"model": "openai/window"}}},
        {"id": "next", "input": "{{ tasks.long.output }}"},
    )
    first = await run_plan(plan)
    second = await run_plan(plan, options=RunOptions(resume=first.run_id))

    assert (first.status, second.status) == (PlanStatus.PARTIAL_FAILURE, PlanStatus.COMPLETED)
    assert asked(scripted_server) == ["scripted", "window", "scripted", "scripted"]
    assert second.results["long"].cached


@pytest.mark.prefect
async def test_a_smaller_model_when_the_budget_is_short(scripted_server: ScriptedServer) -> None:
    """A call whose longest answer does not fit the budget is not sent; that of a model that says less is."""
    sizes = {"large": 5000, "small": 50}
    models = {
        name: {"base_url": scripted_server.base_url, "settings": {"max_output_tokens": size}}
        for name, size in sizes.items()
    }
    rule = {"budget_exceeded": {"model": "small/s"}}
    plan = make_plan(
        {"id": "write", "model": "large/l", "failure_policy": rule}, models=models, budget={"tokens": 3000}
    )
    result = await run_plan(plan)

    assert (result.status, asked(scripted_server)) == (PlanStatus.COMPLETED, ["s"])


@pytest.mark.prefect
async def test_a_task_in_a_flow_of_one_s_own_asks_another_model(
    scripted_server: ScriptedServer, openai_env: None
) -> None:
    """The decorator takes the same rules for attempts."""
    scripted_server.on("Say hello", Fault.refusal(), Reply.text("hello"))

    @agent_task(model="openai/scripted", failure_policy={"refusal": {"model": "openai/other"}})
    async def greet() -> str:
        """Say hello"""
        return ""

    @flow
    async def greeting() -> str:
        return (await greet()).unwrap()

    assert (await greeting(), asked(scripted_server)) == ("hello", ["scripted", "other"])


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"on_failure": "continue"}, "on_failure"),
        ({"failure_policy": {"refusal": {"retry": 1, "then": "abort"}}}, "failure_policy.refusal"),
    ],
)
def test_a_task_in_a_flow_of_one_s_own_has_no_plan_to_act(fields: dict[str, Any], named: str) -> None:
    """What only a plan could do is refused, and the way out is told."""
    with pytest.raises(PlanInvalid, match=f"{named} says what a plan does about a failure.*if result.failed"):

        @agent_task(**fields)
        async def greet() -> str:  # pyright: ignore[reportUnusedFunction]
            """Say hello"""
            return ""


@pytest.mark.prefect
async def test_the_nearest_of_five_places_decides(
    scripted_server: ScriptedServer, openai_env: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place allows another number of retries; the requests of each task are those of its nearest place."""
    # A-Q2
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_FAILURE_POLICY", "{server: {retry: 4}, timeout: {retry: 9}}")
    scripted_server.answer_by_default(Fault.server_error())
    plan = make_plan(
        {"id": "own", "agent": "keen", "failure_policy": {"server": {"retry": 0}}, **NOW},
        {"id": "agents", "agent": "keen", **NOW},
        {"id": "plain", **NOW},
        agents={"keen": {"failure_policy": {"server": {"retry": 1}}}},
    )
    with_defaults = plan.model_copy(update={"defaults": given_defaults({"server": {"retry": 2}})})
    options = PolicyFields(model="openai/scripted")
    run = given_policy({"failure_policy": {"server": {"retry": 3}}, "model": "openai/scripted"}, source="run")
    by_setting = await run_plan(plan, options=RunOptions(policy=options))
    by_run = await run_plan(plan, options=RunOptions(policy=run))
    by_plan = await run_plan(with_defaults, options=RunOptions(policy=run))
    requests = Counter(request.prompt_text.partition("Do ")[2].split(".")[0] for request in scripted_server.requests)

    assert [result.results["plain"].attempts for result in (by_plan, by_run, by_setting)] == [3, 4, 5]
    assert [by_plan.results[name].attempts for name in ("own", "agents")] == [1, 2]
    assert requests == {"own": 3 * 1, "agents": 3 * 2, "plain": 3 + 4 + 5}


def given_defaults(policy: dict[str, Any]) -> Any:
    """A plan's defaults with a failure policy."""
    return make_plan({"id": "x"}, defaults={"failure_policy": policy}).defaults


def test_settings_are_written_as_in_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every policy field can be a setting, in YAML."""
    for name, text in {
        "RETRIES": "1",
        "RETRY": "{base_s: 2, on: [timeout]}",
        "ON_FAILURE": "continue",
        "FAILURE_POLICY": "{default: {model: spare}}",
    }.items():
        monkeypatch.setenv(f"PREFECT_INTEGRATIONS_AGENTIC_{name}", text)

    assert AgenticSettings().policy() == given_policy(
        {
            "retries": 1,
            "retry": {"base_s": 2, "on": ["timeout"]},
            "on_failure": "continue",
            "failure_policy": {"default": {"model": "spare"}},
        },
        source="here",
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("FAILURE_POLICY", "{timeot: {retry: 1}}", "there is no error code 'timeot'. Did you mean 'timeout'?"),
        ("ON_FAILURE", "{fallback: [spare]}", "it names the tasks spare, and a setting holds for every plan"),
    ],
)
def test_a_setting_that_cannot_hold(monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str) -> None:
    """A setting says what is wrong with it."""
    monkeypatch.setenv(f"PREFECT_INTEGRATIONS_AGENTIC_{name}", text)
    with pytest.raises(PlanProblems) as caught:
        AgenticSettings()

    assert message in str(caught.value)
