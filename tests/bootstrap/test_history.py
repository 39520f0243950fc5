"""The history that runs leave behind, on a real server with real requests."""

import logging
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId

from agentic_prefect import Plan, PlanResult, PlanStatus, RunOptions, agent_task, open_history, run_plan
from agentic_prefect.bootstrap.history import prune_history
from agentic_prefect.models.history import FailureEntry, HistoryQuery, ReportEntry, RunEntry, TaskEntry
from agentic_prefect.testing import Fault, Reply, ScriptedServer, make_plan
from tests.history.samples import a_run

pytestmark = pytest.mark.prefect

PREFIX = "PREFECT_INTEGRATIONS_AGENTIC_"
MODEL: dict[str, Any] = {"defaults": {"model": "openai/scripted", "retry": {"base_s": 0.01}}}
ANY = HistoryQuery(rehearsals=True)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the history of this test is."""
    path = tmp_path / "history.db"
    monkeypatch.setenv(f"{PREFIX}HISTORY_URL", f"sqlite:///{path}")
    return path


def troubled() -> Plan:
    """A plan in which one task needs a second attempt, one a fallback, and one fails for good."""
    return make_plan(
        {"id": "busy", "description": "Be busy."},
        {"id": "refused", "description": "Be refused.", "on_failure": {"fallback": ["instead"]}},
        {"id": "instead", "description": "Stand in."},
        {"id": "broken", "description": "Break.", "retries": 1},
        name="troubled",
        **MODEL,
    )


def make_trouble(server: ScriptedServer) -> None:
    """One rate limit for the busy task, a refusal for the refused one, server errors for the broken one."""
    server.on("Be busy.", Fault.rate_limited(), Reply.text("done"))
    server.on("Be refused.", Fault.refusal())
    server.on("Break.", Fault.server_error())


async def test_three_runs_leave_exact_counts(
    openai_env: ScriptedServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each failed attempt is counted once, by type, by task and by what was done about it; a report is made once
    enough have failed, and not before.
    """
    # F-42 F-48 F-49 L-43
    monkeypatch.setenv(f"{PREFIX}HISTORY_REPORT_EVERY", "8")
    store, results, reports = open_history(), list[PlanResult](), list[int]()
    for _ in range(3):
        openai_env.reset()
        make_trouble(openai_env)
        results.append(await run_plan(troubled()))
        reports.append(len(store.find(ReportEntry)))
    result, last = results[-1], results[-1].run_id

    assert result.status is PlanStatus.PARTIAL_FAILURE
    assert store.count(FailureEntry, "code") == {"server": 6, "rate_limit": 3, "refusal": 3}
    assert store.count(FailureEntry, "task_id") == {"broken": 6, "busy": 3, "refused": 3}
    assert store.count(FailureEntry, "resolution") == {"retry": 6, "fallback": 3, "none": 3}
    assert store.count(RunEntry, "status") == {"partial_failure": 3}
    assert store.count(TaskEntry, "status", HistoryQuery(run_id=last)) == {"completed": 2, "failed": 2}
    in_the_end = {(each.task_id, each.resolution, each.recovered) for each in store.find(FailureEntry)}
    assert in_the_end == {
        ("busy", "retry", True),
        ("refused", "fallback", True),
        ("broken", "retry", False),
        ("broken", "none", False),
    }
    (busy,) = store.find(TaskEntry, HistoryQuery(run_id=last, task_id="busy"))
    assert (busy.attempts, busy.usage, busy.model) == (2, result.results["busy"].usage, result.results["busy"].model)
    assert busy.prompt is not None
    assert result.results["busy"].prompt is not None
    assert busy.prompt == result.results["busy"].prompt.without_text

    assert reports == [0, 1, 1]
    assert "| server | 4 |" in store.find(ReportEntry)[0].text


async def test_a_report_is_shown_with_its_run(
    openai_env: ScriptedServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an artifact of the run in which enough had failed."""  # F-49
    monkeypatch.setenv(f"{PREFIX}HISTORY_REPORT_EVERY", "1")
    openai_env.answer_by_default(Fault.refusal())
    result = await run_plan(make_plan({"id": "x"}, name="reported", **MODEL))
    async with get_client() as client:
        (artifact,) = await client.read_artifacts(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(result.run_id)])),
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["failure-patterns"])),
        )

    assert artifact.data == open_history().find(ReportEntry)[0].text
    assert "| reported/x | 1 | 100% |" in str(artifact.data)


async def test_one_switch_keeps_no_history(
    openai_env: ScriptedServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it off, there is no database."""  # L-43
    monkeypatch.setenv(f"{PREFIX}HISTORY", "false")
    await run_plan(make_plan({"id": "x"}, **MODEL))

    assert not is_there(file)


async def test_a_history_that_cannot_be_written_harms_nothing(
    openai_env: ScriptedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run completes, and one line says what is wrong and what helps."""
    monkeypatch.setenv(f"{PREFIX}HISTORY_URL", "sqlite:////dev/null/history.db")
    with caplog.at_level(logging.WARNING):
        result = await run_plan(make_plan(*({"id": f"t{number}"} for number in range(5)), **MODEL))
    told = [record.getMessage() for record in caplog.records if "HistoryObserver" in record.getMessage()]

    assert result.status is PlanStatus.COMPLETED
    assert len(told) == 1
    assert "The history at 'sqlite:////dev/null/history.db' cannot be used: " in told[0]
    assert "AGENTIC_HISTORY to false" in told[0]


async def test_a_rehearsal_is_kept_apart(file: Path, prefect_server: str) -> None:
    """It is there when it is asked for, and nothing else counts it."""
    await run_plan(make_plan({"id": "x"}, **MODEL), options=RunOptions(rehearse=True, faults=["x:refusal"]))
    store = open_history()

    assert store.count(FailureEntry, "code") == {}
    assert store.count(FailureEntry, "code", ANY) == {"refusal": 1}
    assert [run.status for run in store.find(RunEntry, ANY)] == ["failed"]


async def test_texts_can_be_left_out(openai_env: ScriptedServer, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an error's message only the length is kept."""  # L-45
    monkeypatch.setenv(f"{PREFIX}HISTORY_TEXTS", "false")
    openai_env.answer_by_default(Fault.refusal("Ada lives elsewhere, I refuse"))
    await run_plan(make_plan({"id": "x"}, **MODEL))
    store = open_history()
    (failure,), (run,) = store.find(FailureEntry), store.find(RunEntry)

    assert failure.message.endswith(" characters]")
    assert "Ada" not in failure.model_dump_json() + run.model_dump_json()


async def test_secrets_do_not_reach_it(openai_env: ScriptedServer, file: Path) -> None:
    """A key in an error's message is masked before it is kept."""
    openai_env.answer_by_default(Fault.refusal("I refuse the key sk-abcdefgh12345678."))
    await run_plan(make_plan({"id": "x"}, **MODEL))
    store = open_history()
    kept = [each.model_dump_json() for kind in (FailureEntry, RunEntry, TaskEntry) for each in store.find(kind)]

    assert "I refuse the key " in "".join(kept)
    assert "sk-abcdefgh12345678" not in "".join(kept)


async def test_tasks_of_a_flow_are_kept(openai_env: ScriptedServer, file: Path) -> None:
    """A function that is an agent task and called twice outside of a plan: two entries."""

    @agent_task(agent="summariser", model="openai/scripted")
    async def summarise(text: str) -> str:
        """Summarise {{ text }}"""
        return text  # for type checkers; the docstring is what is done

    await summarise("a")
    await summarise("a")

    tasks = open_history().find(TaskEntry)
    assert [(task.task_id, task.agent, task.status) for task in tasks] == [("summarise", "summariser", "completed")] * 2


def is_there(file: Path) -> bool:
    """Whether there is such a file."""
    return file.exists()


PROGRAM = """
import asyncio, sys
from agentic_prefect import load_plan, run_plan
plan = {
    "name": "killed",
    "defaults": {"model": "openai/scripted"},
    "tasks": [
        {"id": "first", "description": "Be quick."},
        {"id": "second", "description": "Be slow.", "after": "first"},
        {"id": "third", "description": "Never come.", "after": "second"},
    ],
}
asyncio.run(run_plan(load_plan(plan)))
"""


def test_a_killed_process_leaves_the_last_status(openai_env: ScriptedServer, file: Path) -> None:
    """Of a run whose process was killed the history holds what each task had come to."""
    openai_env.on("Be slow.", Reply.text("too late").on_hold())
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        openai_env.wait_for_requests(2, timeout_s=120)
        store = open_history()
        deadline = time.monotonic() + 60
        while (reached := statuses(store)) != {"first": "completed", "second": "in_progress"}:
            assert time.monotonic() < deadline, reached
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()

    assert statuses(store) == {"first": "completed", "second": "in_progress"}
    (run,) = store.find(RunEntry)
    assert (run.plan, run.status, run.ended_at) == ("killed", "running", None)


def statuses(store: Any) -> dict[str, str]:
    """The status of each task, as it stands there."""
    return {task.task_id: task.status.value for task in store.find(TaskEntry)}


async def test_old_runs_are_removed_as_the_setting_says(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever says no number of days takes the setting's; where there is none, nothing is removed."""
    now = datetime.now(UTC)
    store = open_history()
    store.register(a_run(id="old", at=now - timedelta(days=50), updated_at=now - timedelta(days=50)))
    unset = await prune_history()
    monkeypatch.setenv(f"{PREFIX}KEEP_DAYS", "40")
    removed = await prune_history()

    assert (unset, removed) == (0, 1)
    assert store.find(RunEntry, ANY) == []
