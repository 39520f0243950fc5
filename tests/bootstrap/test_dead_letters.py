"""Tasks that fail for good in whole runs, and that are done again, with real requests."""

from pathlib import Path
from typing import Any

import pytest

from agentic_prefect import Plan, PlanStatus, RunOptions, open_history, run_plan
from agentic_prefect.bootstrap.dead_letters import dead_letter, failures_within, replay
from agentic_prefect.models.history import DeadLetterEntry
from agentic_prefect.testing import Fault, RecordingObserver, ScriptedServer, make_plan

pytestmark = pytest.mark.prefect

MODEL: dict[str, Any] = {"defaults": {"model": "openai/scripted", "retry": {"backoff": "none"}}}


@pytest.fixture(autouse=True)
def _own_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The history of this test alone."""
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", f"sqlite:///{tmp_path}/history.db")


def letters() -> list[tuple[str, str]]:
    """Task and status of every letter."""
    return [(letter.task_id, letter.status) for letter in open_history().find(DeadLetterEntry)]


async def test_the_chain_of_a_task_that_always_fails(scripted_server: ScriptedServer, openai_env: None) -> None:
    """Every attempt, the fallback, the question to people, and then a dead letter that lists them all."""
    # A-Q1 A-57 F-31
    scripted_server.on("Do hard", Fault.server_error())
    scripted_server.on("Do spare", Fault.refusal())
    ask = {"ask_human": {"deadline_s": 4, "default": "fail"}}
    plan = make_plan(
        {"id": "easy"},
        {"id": "hard", "input": "{{ tasks.easy.output }}", "retries": 1,
         "on_failure": {"fallback": ["spare"], "then": ask}},
        {"id": "spare"},
        {"id": "after", "depends_on": "hard"},
        **MODEL,
    )  # fmt: skip
    heard = RecordingObserver()
    result = await run_plan(plan, options=RunOptions(observers=[heard]))
    told = [name for name in heard.names("hard") if not name.endswith(("status_changed", "retrying", "prompted"))]
    (letter,) = open_history().find(DeadLetterEntry)

    assert told == [
        "agentic.task.failed",
        "agentic.task.exhausted",
        "agentic.task.fallback",
        "agentic.intervention.requested",
        "agentic.intervention.expired",
        "agentic.task.dead_lettered",
    ]
    assert result.results["after"].reason == "it needs 'hard', which failed"
    assert [(each.task_id, each.attempt, each.code) for each in letter.errors] == [
        ("hard", 1, "server"),
        ("hard", 2, "server"),
        ("spare", 1, "refusal"),
    ]
    assert (letter.run_id, letter.status, scripted_server.count) == (result.run_id, "open", 4)


async def test_a_replay_pays_only_for_what_is_unfinished(scripted_server: ScriptedServer, openai_env: None) -> None:
    """The task and what needed it are done, the rest is taken over, the letter is resolved, a second replay is none."""
    # A-Q1 F-17
    plan = three_in_a_row()
    scripted_server.on("Do two", Fault.wrong_key(), times=2)
    first = await run_plan(plan)
    (letter,) = open_history().find(DeadLetterEntry)
    second = await replay(letter.id[:8])
    before = scripted_server.count
    third = await replay(letter.id)
    after = scripted_server.count
    fourth = await replay(letter.id)

    assert (first.status, second and second.status) == (PlanStatus.PARTIAL_FAILURE, PlanStatus.PARTIAL_FAILURE)
    assert third is not None
    assert (third.status, third.results["one"].cached, after - before) == (PlanStatus.COMPLETED, True, 2)
    assert (fourth, scripted_server.count) == (None, after)
    done = dead_letter(letter.id)
    assert (done.status, done.resolved_by, done.times) == ("resolved", third.run_id, 2)


def three_in_a_row() -> Plan:
    """Three tasks, each of which needs the one before."""
    return make_plan({"id": "one"}, {"id": "two", "depends_on": "one"}, {"id": "three", "depends_on": "two"}, **MODEL)


async def test_a_sub_plan_is_lost_once(scripted_server: ScriptedServer, openai_env: None) -> None:
    """The letter is that of the task that it is; the attempts inside are told with it."""
    scripted_server.on("Go deep", Fault.permission())
    inner = {"name": "inner", "tasks": [{"id": "deep", "description": "Go deep"}], **MODEL}
    await run_plan(make_plan({"id": "nest", "kind": "plan", "plan": inner, "description": ""}, **MODEL))
    (letter,) = open_history().find(DeadLetterEntry)

    assert letters() == [("nest", "open")]
    assert [(each.task_id, each.code) for each in failures_within(letter)] == [("deep", "permission")]
