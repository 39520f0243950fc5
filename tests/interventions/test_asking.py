"""People asked on a real Prefect server, and their answers."""

import asyncio
import json
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest
from prefect import get_client
from prefect.blocks.system import Secret
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling, Failed

from agentic_prefect.errors import AuthenticationFailed, Overloaded, Refused
from agentic_prefect.interventions import inbox
from agentic_prefect.interventions.desk import Later
from agentic_prefect.interventions.inbox import Waiting
from agentic_prefect.interventions.prefect_gate import PrefectGate
from agentic_prefect.models.prompt import PromptRecord
from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.plans.answers import Answer, AnswerRefused
from agentic_prefect.ports import Work
from agentic_prefect.runtime.links import run_url
from agentic_prefect.testing.builders import make_plan
from tests.runtime.conftest import Bench, eventually, task_runs, upstream_of
from tests.runtime.test_plan_flow import fails

pytestmark = [pytest.mark.prefect]


@pytest.fixture
def asking(prefect_server: str) -> Bench:
    """A bench whose plans ask through Prefect."""
    return Bench(gate=PrefectGate(lambda: datetime.now(UTC), run_url))


async def question(bench: Bench, task_id: str, *, number: int = 1) -> Waiting:
    """The question about a task of this bench's run, once it waits on the server."""

    async def look() -> Waiting | None:
        asked = [
            event
            for event in bench.observer.events
            if event.name == "agentic.intervention.requested" and event.task_id == task_id and not event.escalated
        ]
        if len(asked) < number:
            return None
        every = {each.run_id: each for each in await inbox.waiting()}
        return every.get(asked[number - 1].waiting_run_id or "")

    return await eventually(look)


async def flow_run(run_id: str) -> FlowRun:
    """A flow run as the server knows it."""
    async with get_client() as client:
        return await client.read_flow_run(UUID(run_id))


async def alongside(run: Awaitable[PlanResult], *others: Awaitable[Any]) -> PlanResult:
    """The result of a run while others do their part."""
    result, *_ = await asyncio.gather(run, *others)
    return result


async def test_two_questions_wait_while_the_rest_goes_on(asking: Bench) -> None:
    """Each question pauses a run of its own; the plan keeps running, and each is answered by itself."""
    # F-23 F-33 U-05
    plan = make_plan(
        {"id": "a", "on_failure": "ask_human"},
        {"id": "b", "on_failure": "ask_human"},
        {"id": "other"},
        {"id": "after", "input": "{{ tasks.other.output }}"},
        {"id": "end", "input": {"a": "{{ tasks.a.output }}"}},
    )

    async def answer() -> None:
        first, second = await question(asking, "a"), await question(asking, "b")
        states = [(await flow_run(each.run_id)).state for each in (first, second)]
        running = await flow_run(asking.observer.events[0].run_id)
        assert [state.name for state in states if state] == ["Paused", "Paused"]
        assert running.state is not None
        assert running.state.name == "Running"
        assert "after" in asking.kind.calls
        await inbox.respond(second, Answer("skip", comment="not needed", by="bea"))
        await inbox.respond(first, Answer("supply_output", output="by hand", by="ann"))

    result = await alongside(asking.run(plan, a=fails(Refused("no")), b=fails(Refused("no"))), answer())
    decided = result.results["a"].decisions[0]

    assert result.status is PlanStatus.COMPLETED
    assert (result.results["a"].output, result.results["b"].status) == ("by hand", "skipped")
    assert (decided.action, decided.by, decided.by_a_person) == ("supply_output", "ann", True)
    assert "bea skipped it: not needed" in result.results["b"].reason
    assert [status.value for status in asking.observer.statuses("a")][-2:] == ["awaiting_human", "completed"]


async def test_another_try(asking: Bench) -> None:
    """`retry` runs the task again, told of what went wrong and what was said; what the first try took is counted."""
    plan = make_plan({"id": "a", "on_failure": "ask_human"})

    async def answer() -> None:
        await inbox.respond(await question(asking, "a"), Answer("retry", comment="the provider is back"))

    result = await alongside(asking.run(plan, a=fails(Refused("no"))), answer())

    assert (result.output, result.results["a"].attempts, asking.kind.calls) == ("fine", 2, ["a", "a"])
    assert [(work.comment, [error.code for error in work.failed_before]) for work in asking.kind.works] == [
        ("", []),
        ("the provider is back", ["refusal"]),
    ]
    assert [each.value for each in asking.observer.statuses("a")] == [
        "pending", "in_progress", "failed", "awaiting_human", "retrying", "in_progress", "completed",
    ]  # fmt: skip


async def test_an_edited_input(asking: Bench) -> None:
    """`edit_input` runs the task again with what the person wrote."""
    plan = make_plan({"id": "a", "input": {"n": 1}, "on_failure": "ask_human"})

    async def answer() -> None:
        waiting = await question(asking, "a")
        with pytest.raises(AnswerRefused, match="no JSON"):
            await inbox.respond(waiting, Answer("edit_input", input="{n: 2"))
        await inbox.respond(waiting, Answer("edit_input", input='{"n": 2}'))

    await alongside(asking.run(plan, a=fails(Refused("no"))), answer())

    assert [work.input for work in asking.kind.works] == [{"n": 1}, {"n": 2}]


async def test_nobody_answers_in_time(asking: Bench) -> None:
    """After the deadline the default holds, on record as such, and the run that waited says so."""
    # F-36
    plan = make_plan({"id": "a", "on_failure": {"ask_human": {"deadline_s": 5, "default": "continue"}}})
    result = await asking.run(plan, a=fails(Refused("no")))
    decided = result.results["a"].decisions[0]
    asked = next(each for each in asking.observer.events if each.name == "agentic.intervention.requested")

    assert result.status is PlanStatus.COMPLETED
    assert (decided.action, decided.by, decided.by_a_person) == ("continue", "deadline", False)
    assert "agentic.intervention.expired" in asking.observer.names("a")
    state = (await flow_run(asked.waiting_run_id or "")).state
    assert state is not None
    assert (state.name, state.is_completed()) == ("Expired", True)


async def test_a_human_task_with_a_form(asking: Bench) -> None:
    """A `human` task's schema is the form; an answer that does not fit is asked for again, saying why."""
    schema = {
        "type": "object",
        "properties": {"amount": {"type": "integer", "minimum": 1}, "to": {"type": "string", "enum": ["x", "y"]}},
        "required": ["amount", "to"],
    }
    plan = make_plan(
        {"id": "pay", "kind": "human", "description": "How much to whom?", "output": schema},
        {"id": "next", "input": "{{ tasks.pay.output.amount }}"},
    )

    async def answer() -> None:
        waiting = await question(asking, "pay")
        bad = {"decision": "supply_output", "output": {"amount": 0, "to": "x"}, "by": "ann"}
        async with get_client() as client:
            await client.resume_flow_run(UUID(waiting.run_id), run_input=bad)

        async def asked_again() -> bool:
            async with get_client() as client:
                answer = await client._client.post(
                    f"/flow_runs/{waiting.run_id}/input/filter", json={"prefix": "paused", "limit": 20}
                )
            return any("0 is less than the minimum of 1" in each["value"] for each in answer.json())

        await eventually(asked_again)
        await inbox.respond(waiting, Answer("supply_output", output={"amount": 3, "to": "y"}, by="ann"))

    result = await alongside(asking.run(plan), answer())

    assert result.results["pay"].output == {"amount": 3, "to": "y"}
    assert asking.kind.works[0].input == 3
    assert [each.value for each in asking.observer.statuses("pay")] == [
        "pending", "in_progress", "awaiting_human", "in_progress", "completed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("decision", "code", "status"),
    [("reject", "human_rejected", PlanStatus.FAILED), ("abort", "critical", PlanStatus.FAILED)],
)
async def test_an_approval_refused(asking: Bench, decision: str, code: str, status: PlanStatus) -> None:
    """A rejected approval fails with a code of its own; aborting halts the plan."""
    plan = make_plan({"id": "ok", "kind": "human", "description": "Publish?"}, {"id": "publish", "depends_on": ["ok"]})

    async def answer() -> None:
        await inbox.respond(await question(asking, "ok"), Answer(decision, comment="not like this", by="ann"))

    result = await alongside(asking.run(plan), answer())
    error = result.results["ok"].error

    assert error is not None
    assert (error.code, result.status, result.results["publish"].status) == (code, status, "skipped")
    assert "not like this" in error.message
    assert asking.kind.calls == []


async def test_two_of_three_must_agree(asking: Bench) -> None:
    """An approval by two needs two people: the same name does not count twice, and each vote is announced."""
    # U-10
    plan = make_plan(
        {"id": "ok", "kind": "human", "description": "Pay?", "ask": {"approvals": 2, "reviewers": 3}},
    )

    async def answer() -> None:
        waiting = await question(asking, "ok")
        with pytest.raises(AnswerRefused, match="say who you are"):
            await inbox.respond(waiting, Answer("approve"))
        for who in ("ann", "Ann", "bea"):
            await eventually(lambda who=who: vote(waiting, who))

    async def vote(waiting: Waiting, who: str) -> bool:
        try:
            await inbox.respond(waiting, Answer("approve", by=who, comment="fine"))
        except AnswerRefused:  # the run is taking the vote before
            return False
        return True

    result = await alongside(asking.run(plan), answer())

    assert result.output == {"approved": True, "by": "ann, bea", "comment": "ann: fine · bea: fine"}
    told = [event for event in asking.observer.events if event.name.startswith("agentic.intervention.")]
    assert [event.name.rpartition(".")[2] for event in told] == ["requested", "voted", "resolved"]
    assert [getattr(event, "by", "") for event in told] == ["", "ann", "ann, bea"]


async def test_a_question_is_escalated(asking: Bench) -> None:
    """A question that waits too long is announced anew, as critical."""
    # U-10
    ask = {"escalate_after_s": 0.5, "deadline_s": 4, "default": "approve"}
    plan = make_plan({"id": "ok", "kind": "human", "description": "Pay?", "ask": ask})
    result = await asking.run(plan)
    asked = [each for each in asking.observer.events if each.name == "agentic.intervention.requested"]

    assert [(each.escalated, each.priority) for each in asked] == [(False, "normal"), (True, "critical")]
    assert result.output["approved"] is True
    assert result.results["ok"].decisions[0].by == "deadline"


async def test_a_form_for_every_decision(asking: Bench) -> None:
    """Six questions wait at once; what is filled into their forms in the UI has six outcomes."""
    # F-35
    ask = {"ask_human": {"fallback": ["stand_in"]}}
    ids = ("again", "edited", "supplied", "skipped", "replaced", "aborted")
    plan = make_plan(*({"id": each, "input": "old", "on_failure": ask} for each in ids), {"id": "stand_in"})
    filled: dict[str, dict[str, Any]] = {
        "again": {"decision": "retry"},
        "edited": {"decision": "edit_input", "input": '"new"'},
        "supplied": {"decision": "supply_output", "output": "by hand"},
        "skipped": {"decision": "skip", "comment": "not needed", "by": "ann"},
        "replaced": {"decision": "fallback"},
        "aborted": {"decision": "abort", "comment": "enough"},
    }

    async def answer() -> None:
        waiting = {each: await question(asking, each) for each in ids}
        schema = await form_of(waiting["again"].run_id)
        assert set(schema["properties"]) == {"decision", "output", "input", "comment", "by"}
        assert set(schema["properties"]["decision"]["enum"]) == {
            "fallback", "retry", "edit_input", "supply_output", "skip", "continue", "fail", "abort",
        }  # fmt: skip
        async with get_client() as client:
            for each in ids:
                if each == "aborted":
                    await eventually(lambda: ended("again", "edited", "supplied", "skipped", "stand_in"))
                await client.resume_flow_run(UUID(waiting[each].run_id), run_input=filled[each])

    async def ended(*names: str) -> bool:
        over = {TaskStatus.COMPLETED, TaskStatus.SKIPPED}
        return all(asking.observer.statuses(each)[-1:] and asking.observer.statuses(each)[-1] in over for each in names)

    once = {each: fails(Refused("no")) for each in ids}
    result = await alongside(asking.run(plan, **once), answer())
    by_id = result.results

    assert [by_id[each].output for each in ("again", "edited", "supplied")] == ["fine", "fine", "by hand"]
    assert [work.input for work in asking.kind.works if work.task_id == "edited"] == ["old", "new"]
    assert (by_id["skipped"].status, by_id["skipped"].reason) == ("skipped", "ann skipped it: not needed")
    assert result.result_of("replaced").output == "stand_in"
    assert (result.status, result.reason) == (
        PlanStatus.FAILED, "a person aborted the plan after 'aborted' had failed: enough",
    )  # fmt: skip


async def form_of(run_id: str) -> dict[str, Any]:
    """The form that the server keeps for a paused run."""
    async with get_client() as client:
        answer = await client._client.post(f"/flow_runs/{run_id}/input/filter", json={"prefix": "paused", "limit": 20})
    return next(json.loads(each["value"]) for each in answer.json() if each["key"].endswith("-schema"))


async def test_nobody_is_waited_for(prefect_server: str) -> None:
    """What people are to decide is failed for now, without waiting; the error names the question and the cause."""
    # F-34
    bench = Bench(gate=Later(lambda: datetime.now(UTC)))
    plan = make_plan(
        {"id": "a", "on_failure": "ask_human"},
        {"id": "ok", "kind": "human", "description": "Go?"},
        {"id": "other"},
        {"id": "b", "input": "{{ tasks.a.output }}"},
    )
    result = await bench.run(plan, a=fails(Refused("no")))
    pending, question = result.results["a"], result.results["ok"]

    for each in (pending, question):
        assert each.error is not None
        assert (each.success, each.error.type) == (False, "HumanInterventionRequiredError")
        assert each.error.message == "Awaiting human intervention"
        assert each.error.context.intervention_id == f"{result.run_id}:{each.task_id}:1"
    assert pending.error is not None
    assert pending.error.cause is not None
    assert (pending.error.cause.code, pending.error.cause.message) == ("refusal", "no")
    assert (result.status, result.results["b"].status) == (PlanStatus.PARTIAL_FAILURE, "skipped")
    assert result.results["other"].success
    asked = [each.name for each in bench.observer.events if each.name.startswith("agentic.intervention")]
    assert asked == ["agentic.intervention.requested"] * 2


async def test_cancelling_withdraws_the_question(asking: Bench) -> None:
    """When the plan is cancelled nobody is left waiting: the question's run ends Cancelled."""
    plan = make_plan({"id": "a", "on_failure": "ask_human"})
    seen: list[str] = []

    async def stop() -> None:
        seen.append((await question(asking, "a")).run_id)
        asking.stop.request("enough")

    result = await alongside(asking.run(plan, a=fails(Refused("no"))), stop())
    state = (await flow_run(seen[0])).state

    assert result.status is PlanStatus.CANCELLED
    assert state is not None
    assert state.name == "Cancelled"


async def test_a_new_key_is_named_never_written(asking: Bench) -> None:
    """For a refused key the form takes the name of a Secret block; one that does not exist is asked for again."""
    plan = make_plan({"id": "a", "failure_policy": {"authentication": "ask_human"}})
    await cast(Any, Secret(value=cast(Any, "sk-new-key-0123456789")).asave)("new-key", overwrite=True)

    async def answer() -> None:
        waiting = await question(asking, "a")
        await inbox.respond(waiting, Answer("retry", secret_block="new-key", by="ann"))

    result = await alongside(asking.run(plan, a=fails(AuthenticationFailed("wrong key"))), answer())

    assert result.output == "fine"
    assert result.results["a"].decisions[0].secret_block == "new-key"
    assert "sk-new" not in result.model_dump_json()


async def test_a_supplied_output_is_shown(asking: Bench) -> None:
    """What a person supplied is a task run of its own beside the failed one, and what others get."""
    plan = make_plan({"id": "a", "on_failure": "ask_human"}, {"id": "b", "input": "{{ tasks.a.output }}"})

    async def answer() -> None:
        await inbox.respond(await question(asking, "a"), Answer("supply_output", output="by hand"))

    result = await alongside(asking.run(plan, a=fails(Refused("no"))), answer())
    runs = await task_runs(result.run_id, 3)
    supplied = runs["a, supplied"]

    assert asking.kind.works[-1].input == "by hand"
    assert supplied.state is not None
    assert supplied.state.name == "Completed"
    assert str(supplied.id) in upstream_of(runs["b"])
    assert runs["a"].state is not None
    assert runs["a"].state.name == "Failed"


@pytest.mark.parametrize("how", ["cancelling", "failed", "deleted"])
async def test_a_question_that_is_cancelled(asking: Bench, how: str) -> None:
    """Cancelling, ending or deleting the question's own run takes the default, and the record says why."""
    plan = make_plan(
        {"id": "a", "on_failure": {"ask_human": {"default": "skip"}}},
        {"id": "ok", "kind": "human", "description": "Go?", "ask": {"deadline_s": 3600}},
    )
    asked: list[str] = []

    async def cancel() -> None:
        for task_id in ("a", "ok"):
            run_id = (await question(asking, task_id)).run_id
            asked.append(run_id)
            async with get_client() as client:
                if how == "deleted":
                    await client.delete_flow_run(UUID(run_id))
                else:
                    state = Cancelling() if how == "cancelling" else Failed(message="by hand")
                    await client.set_flow_run_state(UUID(run_id), state, force=how == "failed")

    result = await alongside(asking.run(plan, a=fails(Refused("no"))), cancel())
    a, ok = result.results["a"], result.results["ok"]

    assert (a.status, a.reason) == ("skipped", "the question was cancelled, which skipped it")
    assert [(each.action, each.by, each.comment) for each in (*a.decisions, *ok.decisions)] == [
        ("skip", "cancellation", "The question was cancelled."),
        ("fail", "cancellation", "The question was cancelled."),
    ]
    assert ok.error is not None
    assert (ok.error.code, ok.error.message) == ("human_timeout", "'ok' has no answer. The question was cancelled.")
    told = [event.name for event in asking.observer.events if event.name.startswith("agentic.intervention.")]
    assert told.count("agentic.intervention.expired") == 2
    if how == "cancelling":
        states = [(await flow_run(run_id)).state for run_id in asked]
        assert [state and state.name for state in states] == ["Cancelled", "Cancelled"]


async def test_questions_with_much_to_look_at(asking: Bench) -> None:
    """Long prompts of many attempts and a long input do not keep people from being asked; the form shows it whole."""
    long = "w\u00f6rd " * 150_000
    plan = make_plan(
        {"id": "a", "retries": 3, "retry": {"base_s": 0.01}, "on_failure": "ask_human"},
        {"id": "long"},
        {"id": "ok", "kind": "human", "description": "Go?", "input": "{{ tasks.long.output }}"},
    )

    async def gives_much(_: Work) -> str:
        return long

    async def fails_at_length(work: Work) -> None:
        text = long[:300_000]
        work.trail.prompt = PromptRecord(id="agent.default", version="1.0.0", hash="0" * 64, text=text)
        raise Overloaded("busy")

    async def answer() -> None:
        failed, open_ = await question(asking, "a"), await question(asking, "ok")
        assert failed.intervention.error is not None
        assert failed.intervention.error.cause is not None
        assert failed.intervention.error.cause.message == "busy"
        assert long in await described(open_.run_id)
        await inbox.respond(failed, Answer("skip", by="ann"))
        await inbox.respond(open_, Answer("approve", by="bea"))

    result = await alongside(asking.run(plan, a=fails_at_length, long=gives_much), answer())

    assert result.results["a"].attempts == 4
    assert [each.by for name in ("a", "ok") for each in result.results[name].decisions] == ["ann", "bea"]


async def described(run_id: str) -> str:
    """What stands above the form of a paused run."""
    async with get_client() as client:
        answer = await client._client.post(f"/flow_runs/{run_id}/input/filter", json={"prefix": "paused", "limit": 20})
    return next(json.loads(each["value"]) for each in answer.json() if each["key"].endswith("-description"))
