"""What people see in Prefect: the state, its name and its message, of runs and of task runs."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.objects import FlowRun

from agentic_prefect.errors import Refused, ServerFault
from agentic_prefect.models.result import PlanResult, Related, TaskResult
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.ports import Work
from agentic_prefect.runtime.states import plan_state
from agentic_prefect.testing.builders import EPOCH, cancelled, completed, failed, make_plan
from tests.runtime.conftest import Bench, eventually, task_runs

REFUSED = "refusal: I will not"
INNER = {"name": "inner", "tasks": [{"id": "deep", "description": "x"}, {"id": "lost", "description": "x"}]}


async def _refuse(_: Work) -> None:
    raise Refused("I will not")


async def _sleep(_: Work) -> None:
    await asyncio.sleep(60)


async def flow_run(run_id: str) -> FlowRun:
    """The finished flow run, as the server knows it."""

    async def look() -> FlowRun | None:
        async with get_client() as client:
            run = await client.read_flow_run(UUID(run_id))
        return run if run.state is not None and run.state.is_final() else None

    return await eventually(look)


def seen(run: Any) -> tuple[str, str, str]:
    """Type, name and message of a run's state."""
    return (run.state.type.value, run.state.name, run.state.message)


@pytest.mark.prefect
async def test_every_end_of_a_task_looks_different(bench: Bench) -> None:
    """State, name and message of each task run say how the task ended, and the run is named PartialFailure."""
    # F-04 F-21 F-37
    plan = make_plan(
        {"id": "good"},
        {"id": "bad"},
        {"id": "slow", "timeout_s": 0.05, "retries": 0, "on_failure": "continue"},
        {"id": "written", "on_failure": {"fallback": ["written_short"]}},
        {"id": "written_short"},
        {"id": "never", "when": False},
        {"id": "after_bad", "depends_on": "bad"},
        {"id": "after_that", "depends_on": "after_bad"},
        {"id": "nest", "kind": "plan", "plan": INNER, "on_failure": "continue"},
        {"id": "each", "for_each": [1, 2], "on_failure": "continue"},
    )
    refusals = dict.fromkeys(("bad", "written", "lost", "each[1]"), _refuse)
    result = await bench.run(plan, slow=_sleep, **refusals)
    runs = await task_runs(result.run_id, 12)
    inner = next(name for name in runs if name.startswith("agentic-plan"))
    inner_runs = await _inner_task_runs(runs[inner].id)

    assert {name: seen(run) for name, run in runs.items() if name != inner} == {
        "good": ("COMPLETED", "Completed", ""),
        "bad": ("FAILED", "Failed", REFUSED),
        "slow": ("FAILED", "TimedOut", "timeout: No result within 0.05 s (attempt 1)."),
        "written": ("FAILED", "Failed", REFUSED),
        "written_short": ("COMPLETED", "Completed", ""),
        "never": ("COMPLETED", "Skipped", "Skipped: its `when` is false."),
        "after_bad": ("COMPLETED", "Skipped", "Skipped: it needs 'bad', which failed."),
        "after_that": (
            "COMPLETED",
            "Skipped",
            "Skipped: it needs 'after_bad', which was skipped because of 'bad'.",
        ),
        "nest": (
            "FAILED",
            "Failed",
            "unexpected: The sub-plan 'inner' ended partial_failure: 'lost' failed and nothing stands in for it.",
        ),
        "each[0]": ("COMPLETED", "Completed", ""),
        "each[1]": ("FAILED", "Failed", REFUSED),
    }
    assert seen(runs[inner]) == (
        "FAILED",
        "PartialFailure",
        "1 completed, 1 failed: 'lost' failed and nothing stands in for it.",
    )
    assert inner_runs == {"deep": "Completed", "lost": "Failed"}
    assert seen(await flow_run(result.run_id)) == (
        "FAILED",
        "PartialFailure",
        "2 completed, 5 failed, 3 skipped: 'bad' failed and nothing stands in for it.",
    )


@pytest.mark.prefect
async def test_failures_that_do_not_count_leave_the_run_completed(bench: Bench) -> None:
    """The run is Completed, by that name, so that what waits for it starts; its message says what stood in."""
    # F-28 F-37
    plan = make_plan(
        {"id": "write", "on_failure": {"fallback": ["short"]}},
        {"id": "short", "on_failure": {"fallback": ["shortest"]}},
        {"id": "shortest"},
        {"id": "search", "on_failure": "continue"},
    )
    result = await bench.run(plan, write=_refuse, short=_refuse, search=_refuse)

    assert seen(await flow_run(result.run_id)) == (
        "COMPLETED",
        "Completed",
        "1 completed, 3 failed: 'write' failed and 'shortest' stood in for it; 'search' failed, which was let pass.",
    )


@pytest.mark.prefect
async def test_a_cancelled_run_looks_cancelled_all_the_way_down(bench: Bench) -> None:
    """The run, the sub-plan in it and the tasks in flight are Cancelled, each with the reason; the rest is skipped."""
    # C-10
    deep = {"name": "inner", "tasks": [{"id": "deep", "description": "x"}]}

    async def stop(_: Work) -> None:
        bench.stop.request("somebody pressed Cancel")
        await asyncio.sleep(60)

    plan = make_plan(
        {"id": "good"}, {"id": "nest", "kind": "plan", "plan": deep, "after": "good"}, {"id": "later", "after": "nest"}
    )
    result = await bench.run(plan, deep=stop)
    runs = await task_runs(result.run_id, 4)
    inner = next(name for name in runs if name.startswith("agentic-plan"))

    assert {name: seen(run) for name, run in runs.items() if name != inner} == {
        "good": ("COMPLETED", "Completed", ""),
        "nest": ("CANCELLED", "Cancelled", "somebody pressed Cancel"),
        "later": ("COMPLETED", "Skipped", "Skipped: somebody pressed Cancel."),
    }
    assert seen(runs[inner])[:2] == ("CANCELLED", "Cancelled")
    assert seen(await flow_run(result.run_id)) == (
        "CANCELLED",
        "Cancelled",
        "1 completed, 1 skipped, 1 cancelled: somebody pressed Cancel.",
    )


@pytest.mark.prefect
async def test_the_log_of_a_failed_attempt_does_not_hold_the_whole_result(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Prefect's own line about an attempt shows the state with the prompt in it; ours says what matters."""
    plan = make_plan({"id": "x", "retry": {"base_s": 0.01, "jitter_ratio": 0}})
    attempts = iter([ServerFault("no")])

    async def once(_: Work) -> str:
        for error in attempts:
            raise error
        return "fine"

    with caplog.at_level("INFO"):
        result = await bench.run(plan, x=once)

    assert result.results["x"].attempts == 2
    assert [line for line in caplog.messages if "TaskResult(" in line] == []


async def _inner_task_runs(parent_task_run_id: UUID) -> dict[str, str | None]:
    async with get_client() as client:
        answer = await client._client.post(
            "/flow_runs/filter", json={"flow_runs": {"parent_task_run_id": {"any_": [str(parent_task_run_id)]}}}
        )
    return {name: run.state_name for name, run in (await task_runs(answer.json()[0]["id"], 2)).items()}


@dataclass(frozen=True)
class Case:
    """A plan's results, and what its run's state says about them."""

    id: str
    status: PlanStatus
    results: tuple[TaskResult, ...]
    reason: str
    expected: tuple[str, str, str]


def _covered(name: str, *fallbacks: str) -> TaskResult:
    related = tuple(Related(task_id=other, relation="fallback") for other in fallbacks)
    return failed(name).model_copy(update={"related": related})


CASES = [
    Case(
        "all went well", PlanStatus.COMPLETED, (completed("a"), completed("b")), "",
        ("COMPLETED", "Completed", "2 completed."),
    ),
    Case(
        "a fallback stood in", PlanStatus.COMPLETED, (_covered("a", "b"), completed("b")), "",
        ("COMPLETED", "Completed", "1 completed, 1 failed: 'a' failed and 'b' stood in for it."),
    ),
    Case(
        "too many to tell", PlanStatus.COMPLETED, tuple(failed(f"t{n}") for n in range(7)), "",
        ("COMPLETED", "Completed", "7 failed: "
         + "; ".join(f"'t{n}' failed, which was let pass" for n in range(5)) + "; 2 more failures did not count."),
    ),
    Case(
        "the output could not be made", PlanStatus.COMPLETED, (completed("a"),),
        "its result could not be worked out: no x",
        ("COMPLETED", "Completed", "1 completed: its result could not be worked out: no x."),
    ),
    Case(
        "partial failure", PlanStatus.PARTIAL_FAILURE, (completed("a"), failed("b")), "'b' failed",
        ("FAILED", "PartialFailure", "1 completed, 1 failed: 'b' failed."),
    ),
    Case("failed", PlanStatus.FAILED, (failed("a"),), "'a' failed", ("FAILED", "Failed", "1 failed: 'a' failed.")),
    Case(
        "cancelled", PlanStatus.CANCELLED, (cancelled("a"),), "Ctrl-C",
        ("CANCELLED", "Cancelled", "1 cancelled: Ctrl-C."),
    ),
    Case("cancelled before anything ran", PlanStatus.CANCELLED, (), "Ctrl-C", ("CANCELLED", "Cancelled", "Ctrl-C.")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_state_of_a_plan(case: Case) -> None:
    """Type, name and message follow from the plan's status and its results."""  # F-37
    result = PlanResult(
        plan="p",
        run_id="r",
        status=case.status,
        results={each.task_id: each for each in case.results},
        started_at=EPOCH,
        ended_at=EPOCH,
        reason=case.reason,
    )

    assert _seen_state(plan_state(result)) == case.expected


def _seen_state(state: Any) -> tuple[str, str, str]:
    return (state.type.value, state.name, state.message)
