"""A plan can be followed and understood from the artifacts of its flow run."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import Artifact
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from agentic_prefect.models.events import (
    Event,
    PlanCompleted,
    PlanStarted,
    TaskFailed,
    TaskRetrying,
    TaskStatusChanged,
)
from agentic_prefect.models.result import PlanResult, TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.observers.artifacts import MAX_TASK_ERRORS, ArtifactObserver
from agentic_prefect.observers.dispatch import Dispatcher
from tests.observers.server import artifacts_of
from tests.reports.samples import FAILED, PLAN, PROMPT, RESULT, RESULTS, error

NOW = datetime.now(UTC)
TASK_RUN_ID = uuid4()


class Run:
    """A run of the sample plan that is driven by hand."""

    def __init__(self, flow_run_id: str, **options: Any) -> None:
        self.flow_run_id = flow_run_id
        self.results: Mapping[str, TaskResult] | PlanResult = {}
        self.now_s = 100.0
        self.observer = ArtifactObserver(
            PLAN,
            snapshot=lambda: self.results,
            flow_run_id=flow_run_id,
            run_id="run-1",
            clock=lambda: self.now_s,
            **options,
        )
        self.hear(PlanStarted(**self.place(), tasks=5))

    @staticmethod
    def place(second: float = 0.0, **more: Any) -> dict[str, Any]:
        """The fields that every event carries."""
        return {"at": NOW + timedelta(seconds=second), "plan": PLAN.name, "run_id": "run-1", **more}

    def hear(self, *events: Event) -> None:
        """Tell the observer."""
        for event in events:
            self.observer.on_event(event)

    def settle(self, task_id: str, new: TaskStatus = TaskStatus.COMPLETED) -> None:
        """One task comes to its end."""
        place = self.place(task_id=task_id, task_run_id=str(TASK_RUN_ID))
        self.hear(TaskStatusChanged(**place, old=TaskStatus.IN_PROGRESS, new=new, attempt=1))

    def fail(self, task_id: str = "write") -> None:
        """One task fails for good."""
        self.settle(task_id, TaskStatus.FAILED)
        assert FAILED.error is not None
        place = self.place(task_id=task_id, task_run_id=str(TASK_RUN_ID))
        self.hear(TaskFailed(**place, attempts=2, error=FAILED.error, usage=FAILED.usage, elapsed_s=2.5))

    def end(self) -> None:
        """The plan comes to its end."""
        self.results = RESULT
        self.hear(PlanCompleted(**self.place(125), usage=Usage(), elapsed_s=125.0))

    async def artifacts(self) -> dict[str, Artifact]:
        """What the server has, by key."""
        found = await artifacts_of(self.flow_run_id)
        assert len({artifact.key for artifact in found}) == len(found)
        return {artifact.key or "": artifact for artifact in found}


@flow
async def _nothing() -> None:
    """A flow whose runs are only made, to have something that artifacts can belong to."""


async def _run(**options: Any) -> Run:
    async with get_client() as client:
        made = await client.create_flow_run(_nothing)
    return Run(str(made.id), **options)


@pytest.mark.prefect
async def test_a_run_is_followed_in_place() -> None:
    """While the plan runs there is one progress and one report, changed and not multiplied."""
    run = await _run()
    await run.observer.flush()
    first = await run.artifacts()
    run.results = {"plan_searches": RESULTS["plan_searches"]}
    run.settle("plan_searches")
    run.now_s += 2.0
    await run.observer.flush()
    second = await run.artifacts()

    assert set(first) == set(second) == {"plan-progress", "plan-report"}
    assert {key: each.id for key, each in first.items()} == {key: each.id for key, each in second.items()}
    assert (first["plan-progress"].data, second["plan-progress"].data) == (0.0, 20.0)
    assert "| plan_searches | ○ pending |" in str(first["plan-report"].data)
    assert "| plan_searches | ✓ completed, stored result |" in str(second["plan-report"].data)
    assert "```mermaid\n" in str(second["plan-report"].data)
    assert (second["plan-report"].description or "").startswith(
        "**trip-research**: ● running, 5 tasks: 4 pending, 1 completed."
    )


@pytest.mark.prefect
async def test_the_end_leaves_the_whole_story() -> None:
    """Report with output, table, prompts and progress 100 are there, whatever was written before."""  # L-33
    run = await _run(url="http://127.0.0.1:4200/v2/runs/flow-run/x")
    run.end()
    await run.observer.flush()

    artifacts = await run.artifacts()
    rows = {row["task"]: row for row in json.loads(str(artifacts["plan-tasks"].data))}
    assert set(artifacts) == {"plan-progress", "plan-report", "plan-tasks", "plan-prompts"}
    assert {key: each.type for key, each in artifacts.items()} == {
        "plan-progress": "progress",
        "plan-report": "markdown",
        "plan-tasks": "table",
        "plan-prompts": "markdown",
    }
    assert artifacts["plan-progress"].data == 100.0
    assert "# Go in *April*" in str(artifacts["plan-report"].data)
    assert list(rows) == list(RESULTS)
    assert (rows["write"]["attempts"], rows["write"]["input tokens"], rows["write"]["cost usd"]) == (2, 200, 0.0042)
    assert f"hash {PROMPT.hash[:12]}" in str(artifacts["plan-prompts"].data)
    assert "(http://127.0.0.1:4200/v2/runs/flow-run/x)" in (artifacts["plan-report"].description or "")


@pytest.mark.prefect
async def test_a_failure_is_readable_from_the_task_itself() -> None:
    """A failed task's run has an artifact with attempts, durations, errors, prompt, model and tokens."""  # F-05, F-40
    run = await _run()
    run.hear(TaskRetrying(**run.place(task_id="write"), attempt=1, error=error(1), delay_s=1.0))
    run.fail()
    run.results = {"write": FAILED}
    await run.observer.flush()

    artifact = (await run.artifacts())["task-error"]
    text = str(artifact.data)
    assert (artifact.task_run_id, str(artifact.flow_run_id)) == (TASK_RUN_ID, run.flow_run_id)
    for expected in ("max_retries_exceeded: All 2 attempts failed", "- Attempts: 2, in 2.5s", "- Model: gpt-small"):
        assert expected in text
    assert "- Prompt: agent/default@1.2.0" in text
    assert text.count("rate_limit (RateLimited), after 250ms of 30.0s, model gpt-small, prompt agent/default") == 2


@pytest.mark.prefect
async def test_only_so_many_failures_get_a_page_of_their_own() -> None:
    """Many failed tasks do not make as many artifacts; the report tells of all of them."""
    run = await _run()
    for index in range(MAX_TASK_ERRORS + 5):
        run.fail(f"search[{index}]")
    run.end()
    await run.observer.flush()

    found = await artifacts_of(run.flow_run_id)
    assert [artifact.key for artifact in found].count("task-error") == MAX_TASK_ERRORS


@pytest.mark.prefect
async def test_updates_are_rare_and_never_for_nothing() -> None:
    """Nothing is written before the interval is over or when nothing happened, except at the plan's end."""
    run = await _run(every_s=2.0)
    await run.observer.flush()
    written = await run.artifacts()
    run.settle("plan_searches")
    run.now_s += 1.9
    await run.observer.flush()
    too_soon = await run.artifacts()
    run.now_s += 0.1
    await run.observer.flush()
    in_time = await run.artifacts()
    run.now_s += 100.0
    await run.observer.flush()
    nothing_new = await run.artifacts()
    run.settle("plan_searches")
    await run.observer.flush()
    same_progress = await run.artifacts()
    run.end()
    await run.observer.flush()
    run.now_s = 0.0
    ended = await run.artifacts()

    assert written == too_soon != in_time == nothing_new
    assert same_progress["plan-progress"] == in_time["plan-progress"]
    assert len(ended) == 4


@pytest.mark.prefect
async def test_a_run_that_is_run_again_changes_its_artifacts() -> None:
    """Retry in the UI is the same flow run: it does not double the plan's artifacts."""
    first = await _run()
    first.end()
    await first.observer.flush()
    before = await first.artifacts()
    again = Run(first.flow_run_id)
    again.end()
    await again.observer.flush()
    after = await again.artifacts()

    assert {key: each.id for key, each in before.items()} == {key: each.id for key, each in after.items()}


@pytest.mark.prefect
async def test_another_run_in_the_same_flow_is_not_mixed_in() -> None:
    """The end of a sub-plan is not the end of the plan."""
    run = await _run()
    run.hear(PlanCompleted(**{**run.place(), "run_id": "sub"}, usage=Usage(), elapsed_s=1.0))
    await run.observer.flush()

    assert set(await run.artifacts()) == {"plan-progress", "plan-report"}


@pytest.mark.prefect
async def test_a_server_that_is_away_harms_nothing_and_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """The fault is logged once; when the server is back at the plan's end, everything is written, once."""  # F-11
    run = await _run()
    dispatcher = Dispatcher([run.observer])
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}):
        for _ in range(3):
            run.settle("plan_searches")
            run.now_s += 60.0
            await dispatcher.flush()
    run.end()
    await dispatcher.flush()

    assert dispatcher.failures["ArtifactObserver"] == 3
    assert [record.message.count("ArtifactObserver") for record in caplog.records if "Observer" in record.message] == [
        1
    ]
    assert len(await run.artifacts()) == 4


@flow
async def _observed() -> str:
    run_id = str(flow_run.id)
    run = Run(run_id)
    run.end()
    await Dispatcher([run.observer]).flush()
    return run_id


@pytest.mark.prefect
async def test_the_artifacts_belong_to_the_flow_run() -> None:
    """Written from within a run, they hang on that run."""
    run_id = await _observed()

    async with get_client() as client:
        run = await client.read_flow_run(UUID(run_id))
    assert {str(artifact.flow_run_id) for artifact in await artifacts_of(run_id)} == {str(run.id)}
