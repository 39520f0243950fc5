"""Every prompt that was sent is on record, as it was sent, on a real server with real requests."""

from pathlib import Path
from typing import Any

import pytest

from agentic_prefect import PlanStatus, RunOptions, open_history, run_plan
from agentic_prefect.models.events import TaskPrompted
from agentic_prefect.models.history import HistoryQuery, PromptEntry
from agentic_prefect.testing import RecordingObserver, Reply, ScriptedServer, make_plan
from agentic_prefect.testing.request import ScriptedRequest

pytestmark = pytest.mark.prefect

PREFIX = "PREFECT_INTEGRATIONS_AGENTIC_"
MODEL: dict[str, Any] = {"defaults": {"model": "openai/scripted", "retry": {"base_s": 0.01, "jitter_ratio": 0}}}
NEVER = {"expression": "{{ 'please' in output }}", "message": "It does not say please."}
KEY = "sk-1234567890abcdefghijklmnop"


@pytest.fixture(autouse=True)
def _history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}HISTORY_URL", f"sqlite:///{tmp_path}/history.db")


def sent(run_id: str) -> list[PromptEntry]:
    """What is kept of a run's prompts, in the order in which they were sent."""
    found = open_history().find(PromptEntry, HistoryQuery(run_id=run_id, rehearsals=True))
    return sorted(found, key=lambda each: (each.task_id, each.attempt, each.refinement))


def received(request: ScriptedRequest) -> str:
    """What the model received, all messages joined in order."""
    return "\n\n".join(message["content"] for message in request.body["messages"])


async def test_refinements_are_bounded_and_recorded(openai_env: ScriptedServer, prefect_server: str) -> None:
    """Three refinements are each kept with their parent; there is no fourth."""  # P-38, P-37
    openai_env.answer_by_default(Reply.text("Tea!"))
    plan = make_plan({"id": "x", "description": "Ask for tea.", "checks": [NEVER], "retries": 3}, **MODEL)
    done = await run_plan(plan)
    kept = sent(done.run_id)

    assert (done.status, openai_env.count) == (PlanStatus.FAILED, 4)
    assert [(each.attempt, each.refinement) for each in kept] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert [each.parent for each in kept] == ["", *(each.text_hash for each in kept[:3])]
    assert [NEVER["message"] in each.text for each in kept] == [False, True, True, True]


async def test_text_on_record_is_what_the_model_received(openai_env: ScriptedServer, prefect_server: str) -> None:
    """For every attempt, with id, version and hash of the template."""  # P-42, P-43
    openai_env.on("Ask for tea.", Reply.text("Tea!"), Reply.text("Tea, please."))
    done = await run_plan(make_plan({"id": "x", "description": "Ask for tea.", "checks": [NEVER]}, **MODEL))
    kept = sent(done.run_id)

    assert [each.text for each in kept] == [received(request) for request in openai_env.requests]
    assert {(each.prompt.id, each.model) for each in kept} == {("agent.default", "scripted")}
    assert done.results["x"].prompt is not None
    assert (kept[1].text_hash, kept[1].prompt.hash) == (
        done.results["x"].prompt.text_hash,
        done.results["x"].prompt.hash,
    )


async def test_repairs_within_an_attempt_are_kept_too(openai_env: ScriptedServer, prefect_server: str) -> None:
    """Each is a prompt of its own, refined from the one before."""
    openai_env.on("Ask for tea.", Reply.text("Tea!"), Reply.text("Tea, please."))
    task = {
        "id": "x",
        "description": "Ask for tea.",
        "checks": [NEVER],
        "failure_policy": {"verification_failed": {"repair": 1}},
    }
    kept = sent((await run_plan(make_plan(task, **MODEL))).run_id)

    assert [(each.attempt, each.refinement) for each in kept] == [(1, 0), (1, 1)]
    assert kept[1].parent == kept[0].text_hash


async def test_record_has_no_secrets(openai_env: ScriptedServer, prefect_server: str) -> None:
    """The model gets what the plan says; what is kept and told is masked, and the hash is that of what was sent."""
    heard = RecordingObserver()
    plan = make_plan({"id": "x", "description": f"Use {KEY}."}, **MODEL)
    done = await run_plan(plan, options=RunOptions(observers=[heard]))
    (kept,) = sent(done.run_id)

    assert KEY in openai_env.requests[0].prompt_text
    assert KEY not in kept.model_dump_json() + heard.of(TaskPrompted)[0].model_dump_json()
    assert "Use " in kept.text


@pytest.mark.parametrize("variable", ["HISTORY_PROMPTS", "HISTORY_TEXTS"])
async def test_texts_are_not_kept_where_they_are_not_wanted(
    openai_env: ScriptedServer, prefect_server: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """One setting keeps no prompts at all, the other only how long they were."""
    monkeypatch.setenv(f"{PREFIX}{variable}", "false")
    done = await run_plan(make_plan({"id": "x", "description": "Hi."}, **MODEL))
    length = f"[{len(received(openai_env.requests[0]))} characters]"

    assert [each.text for each in sent(done.run_id)] == ([] if variable == "HISTORY_PROMPTS" else [length])
