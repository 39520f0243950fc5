"""Plans on a real Prefect server."""

import asyncio
import itertools
from typing import Any

import pytest

from agentic_prefect.errors import CriticalError, RateLimited, Refused, ServerFault
from agentic_prefect.models.events import TaskRetrying
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.ports import Work
from agentic_prefect.testing.builders import make_plan
from tests.runtime.conftest import Bench, states_of, task_runs, upstream_of

pytestmark = [pytest.mark.prefect]

FAST = {"retry": {"base_s": 0.01, "jitter_ratio": 0}}


def fails(*errors: Exception) -> Any:
    """Raise these in turn, then give "fine"."""
    left = list(errors)

    async def behave(_: Work) -> str:
        if left:
            raise left.pop(0)
        return "fine"

    return behave


async def test_a_failure_is_a_result(bench: Bench) -> None:
    """A failing agent raises nothing into the flow: its error is data, with type, message, agent and attempt."""
    # F-01 F-02 F-14 F-15 F-24 L-01
    result = await bench.run(
        make_plan({"id": "x", "agent": "w"}, agents={"w": {"role": "r"}}), x=fails(ValueError("x"))
    )
    failure = result.results["x"]

    assert failure.status is TaskStatus.FAILED
    assert failure.error is not None
    assert (failure.error.type, failure.error.message) == ("ValueError", "x")
    assert (failure.error.context.agent_id, failure.error.context.attempt) == ("w", 1)
    assert 0 < len(failure.error.context.frames) <= 10


async def test_the_life_of_a_task_that_succeeds_late(bench: Bench) -> None:
    """Two failures and a success give the whole sequence, old and new chained, and the waits show in Prefect."""
    # F-06 F-09 F-13 F-18 F-26 A-03 A-11 A-12 A-24
    plan = make_plan({"id": "x", **FAST})
    result = await bench.run(plan, x=fails(ServerFault("1"), ServerFault("2")))
    changes = bench.observer.transitions("x")

    assert [status.value for status in bench.observer.statuses("x")] == [
        "pending", "in_progress", "failed", "retrying", "in_progress", "failed", "retrying", "in_progress", "completed",
    ]  # fmt: skip
    assert all(new == old for (_, new), (old, _) in itertools.pairwise(changes))
    assert (result.status, result.results["x"].attempts, result.output) == (PlanStatus.COMPLETED, 3, "fine")
    runs = await task_runs(result.run_id, 1)
    assert await states_of(runs["x"], "Completed") == [
        "Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Completed",
    ]  # fmt: skip


async def test_retries_wait_as_long_as_the_provider_asks(bench: Bench) -> None:
    """The wait is Retry-After, to the tenth of a second, as an AwaitingRetry state."""  # L-15 F-20
    result = await bench.run(make_plan({"id": "x"}), x=fails(RateLimited("slow down", 1.7)))
    first, second = bench.kind.works

    assert (first.attempt, second.attempt) == (1, 2)
    assert [error.code for error in second.history] == ["rate_limit"]
    (retrying,) = (event for event in bench.observer.events if isinstance(event, TaskRetrying))
    assert retrying.delay_s == 1.7
    assert (result.results["x"].elapsed_s or 0) >= 1.7


async def test_exhaustion(bench: Bench) -> None:
    """Always failing: the exact number of attempts, a type of its own, every error, and the last one as the cause."""
    # F-27 A-13 F-50
    result = await bench.run(
        make_plan({"id": "x", "retries": 2, **FAST}), x=fails(*(ServerFault(str(n)) for n in range(9)))
    )
    failure = result.results["x"]

    assert failure.error is not None
    assert failure.error.cause is not None
    assert (failure.error.type, failure.attempts, failure.error.cause.message) == ("MaxRetriesExceededError", 3, "2")
    assert [error.message for error in failure.error.history] == ["0", "1", "2"]
    assert bench.observer.names("x")[-3:] == [
        "agentic.task.failed",
        "agentic.task.exhausted",
        "agentic.task.dead_lettered",
    ]


async def test_timeouts_grow(bench: Bench) -> None:
    """A second attempt after a timeout gets more time, and both times are on record."""  # F-21

    async def slow(work: Work) -> str:
        if work.attempt == 1:
            await asyncio.Event().wait()
        return f"{work.timeout_s:g}"

    policy = {"timeout": {"retry": 1, "timeout_factor": 60, "base_s": 0.01}}
    result = await bench.run(make_plan({"id": "x", "timeout_s": 0.5, "failure_policy": policy}), x=slow)

    assert result.output == "30"
    assert [work.timeout_s for work in bench.kind.works] == [0.5, 30]


async def test_a_final_timeout_is_called_so(bench: Bench) -> None:
    """A task that ran out of time ends in a state named TimedOut."""  # F-21

    async def slow(_: Work) -> None:
        await asyncio.sleep(30)

    result = await bench.run(make_plan({"id": "x", "timeout_s": 0.05, "retries": 0}), x=slow)
    runs = await task_runs(result.run_id, 1)

    assert (runs["x"].state_name, result.results["x"].error and result.results["x"].error.code) == (
        "TimedOut",
        "timeout",
    )


async def test_states_say_what_happened(bench: Bench) -> None:
    """Partial failure, skipped, failed and completed look different in Prefect, each with its reason."""
    # F-04 F-37 L-09
    plan = make_plan(
        {"id": "good"}, {"id": "bad"}, {"id": "after_bad", "depends_on": "bad"}, {"id": "never", "when": False}
    )
    result = await bench.run(plan, bad=fails(Refused("I will not")))
    runs = await task_runs(result.run_id, 4)

    assert {name: (run.state_name, run.state.message if run.state else None) for name, run in runs.items()} == {
        "good": ("Completed", ""),
        "bad": ("Failed", "refusal: I will not"),
        "after_bad": ("Skipped", "Skipped: it needs 'bad', which failed."),
        "never": ("Skipped", "Skipped: its `when` is false."),
    }
    assert bench.state is not None
    assert (bench.state.name, bench.state.type.value) == ("PartialFailure", "FAILED")
    assert bench.state.message == "1 completed, 1 failed, 2 skipped: 'bad' failed and nothing stands in for it."


async def test_a_covered_failure_leaves_the_plan_completed(bench: Bench) -> None:
    """With a fallback the plan completes, the fallback is drawn after the failed task, and both name each other."""
    # F-28 F-29 F-30
    plan = make_plan(
        {"id": "write", "on_failure": {"fallback": ["short"]}},
        {"id": "short"},
        {"id": "mail", "input": "{{ tasks.write.output }}"},
    )
    result = await bench.run(plan, write=fails(Refused("no")))
    runs = await task_runs(result.run_id, 3)
    upstream = upstream_of(runs["short"])

    assert result.status is PlanStatus.COMPLETED
    assert result.result_of("write").task_id == "short"
    assert str(runs["write"].id) in upstream
    assert [(each.task_id, each.relation) for each in result.results["write"].related] == [("short", "fallback")]


async def test_what_uses_a_fallbacks_output_is_drawn_after_it(bench: Bench) -> None:
    """It is drawn after the failed task, which it names, and after the one whose output it was given."""  # F-38
    plan = make_plan(
        {"id": "write", "on_failure": {"fallback": ["short", "shorter"]}},
        {"id": "short"},
        {"id": "shorter"},
        {"id": "print", "input": {"text": "{{ tasks.write.output }}"}},
    )
    result = await bench.run(plan, write=fails(Refused("no")), short=fails(Refused("no")))
    runs = await task_runs(result.run_id, 4)

    assert result.status is PlanStatus.COMPLETED
    assert upstream_of(runs["print"]) == {str(runs["write"].id), str(runs["shorter"].id)}


async def test_edges_are_visible(bench: Bench) -> None:
    """A task run knows the runs it waited for, so that Prefect draws the arrows."""  # F-38
    plan = make_plan({"id": "a"}, {"id": "b"}, {"id": "c", "input": {"x": "{{ tasks.a.output }}"}, "after": "b"})
    result = await bench.run(plan)
    runs = await task_runs(result.run_id, 3)
    upstream = upstream_of(runs["c"])

    assert upstream == {str(runs["a"].id), str(runs["b"].id)}


async def test_a_task_starts_as_soon_as_it_can(bench: Bench) -> None:
    """No waves: c starts when b is done although a still runs, and ends before a does."""  # F-38
    order: list[str] = []
    release = asyncio.Event()

    async def wait(work: Work) -> None:
        await release.wait()
        order.append(work.task_id)

    async def note(work: Work) -> None:
        order.append(work.task_id)
        if work.task_id == "c":
            release.set()

    await bench.run(make_plan({"id": "a"}, {"id": "b"}, {"id": "c", "after": "b"}), a=wait, b=note, c=note)

    assert order == ["b", "c", "a"]


async def test_a_critical_error_halts(bench: Bench) -> None:
    """Nothing starts after it, what runs is cancelled, and the plan is Failed, not PartialFailure."""  # F-45
    started = asyncio.Event()

    async def forever(_: Work) -> None:
        started.set()
        await asyncio.sleep(60)

    async def alarm(_: Work) -> None:
        await started.wait()
        raise CriticalError("stop everything")

    result = await bench.run(make_plan({"id": "a"}, {"id": "b"}, {"id": "c", "after": "a"}), a=forever, b=alarm)
    runs = await task_runs(result.run_id, 3)

    assert {name: each.status.value for name, each in result.results.items()} == {
        "a": "cancelled",
        "b": "failed",
        "c": "skipped",
    }
    assert (runs["a"].state_name, bench.state and bench.state.name) == ("Cancelled", "Failed")


async def test_cancelling_keeps_what_was_finished(bench: Bench) -> None:
    """Ctrl-C: the running call is cancelled, the run ends Cancelled, finished outputs are in the result."""
    # C-10 CT-08
    cleaned: list[str] = []

    async def forever(work: Work) -> None:
        bench.stop.request("Ctrl-C")
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(work.task_id)

    result = await bench.run(make_plan({"id": "a"}, {"id": "b", "after": "a"}, {"id": "c", "after": "b"}), b=forever)
    runs = await task_runs(result.run_id, 3)

    assert (result.status, result.reason, cleaned) == (PlanStatus.CANCELLED, "Ctrl-C", ["b"])
    assert {name: run.state_name for name, run in runs.items()} == {"a": "Completed", "b": "Cancelled", "c": "Skipped"}
    assert (result.results["a"].output, bench.state and bench.state.type.value) == ("a", "CANCELLED")


async def test_cancelling_a_task_that_waits_for_its_retry(bench: Bench) -> None:
    """A wait of a minute does not hold up a cancelled run, and the task ends Cancelled."""  # C-10

    async def busy(_: Work) -> None:
        asyncio.get_running_loop().call_later(0.3, bench.stop.request, "Ctrl-C")
        raise RateLimited("slow down", 60)

    result = await bench.run(make_plan({"id": "a"}), a=busy)
    runs = await task_runs(result.run_id, 1)

    assert (result.status, result.results["a"].status.value, result.elapsed_s < 50) == (
        PlanStatus.CANCELLED,
        "cancelled",
        True,
    )
    # Prefect records it as Crashed first, and the two may be written apart.
    assert (await states_of(runs["a"], "Cancelled"))[-1] == "Cancelled"


async def test_a_plan_in_a_plan(bench: Bench) -> None:
    """A sub-plan is a subflow: its output is the task's, its usage counts, its failure is the task's failure."""
    # A-Q3 F-38
    inner = {
        "name": "inner",
        "inputs": {"who": {"type": "string"}},
        "tasks": [{"id": "deep", "description": "Greet {{ inputs.who }}."}],
    }
    plan = make_plan({"id": "nest", "kind": "plan", "plan": inner, "input": {"who": "Ada"}, "description": ""})

    async def greet(work: Work) -> str:
        return work.description

    result = await bench.run(plan, deep=greet)

    assert (result.status, result.output) == (PlanStatus.COMPLETED, "Greet Ada.")


async def test_a_failed_sub_plan_fails_its_task(bench: Bench) -> None:
    """The message names the sub-plan, how it ended and why."""
    inner = {"name": "inner", "tasks": [{"id": "deep", "description": "x"}]}
    result = await bench.run(make_plan({"id": "nest", "kind": "plan", "plan": inner}), deep=fails(Refused("no")))
    error = result.results["nest"].error

    assert error is not None
    assert (error.type, error.message) == (
        "SubPlanFailed",
        "The sub-plan 'inner' ended failed: 'deep' failed and nothing stands in for it.",
    )


async def test_a_critical_error_in_a_sub_plan_halts_everything_around_it(bench: Bench) -> None:
    """Whatever the task's policy says, no later task starts; a task that is only called critical halts its own plan."""
    # F-45
    inner = {"name": "inner", "tasks": [{"id": "deep", "description": "x", "critical": True}]}
    nest = {"id": "nest", "kind": "plan", "plan": inner, "on_failure": "continue"}
    plan = make_plan(nest, {"id": "later", "after": "nest"})
    halted = await bench.run(plan, deep=fails(CriticalError("stop everything")))
    halted_state = bench.state
    went_on = await bench.run(plan, deep=fails(Refused("no")))

    assert {name: each.status.value for name, each in halted.results.items()} == {"nest": "failed", "later": "skipped"}
    assert (halted_state and halted_state.name, halted.reason) == ("Failed", "the critical task 'nest' failed")
    assert went_on.status is PlanStatus.COMPLETED


async def test_cancelling_reaches_into_sub_plans(bench: Bench) -> None:
    """The task deep inside is cancelled, and no flow run is left running."""  # C-10
    inner = {"name": "inner", "tasks": [{"id": "deep", "description": "x"}]}

    async def forever(_: Work) -> None:
        bench.stop.request("Ctrl-C")
        await asyncio.sleep(60)

    result = await bench.run(make_plan({"id": "nest", "kind": "plan", "plan": inner}), deep=forever)

    assert (result.status, result.results["nest"].status) == (PlanStatus.CANCELLED, TaskStatus.CANCELLED)


async def test_a_raising_observer_changes_nothing(bench: Bench) -> None:
    """The task completes, the other observer hears everything, the fault is counted."""  # F-10 F-11 L-13

    class Broken:
        def on_event(self, event: object) -> None:
            raise RuntimeError("I am broken")

    bench.others.append(Broken())
    result = await bench.run(make_plan({"id": "x"}))

    assert result.status is PlanStatus.COMPLETED
    assert bench.observer.names("x") == [
        "agentic.task.status_changed", "agentic.task.status_changed", "agentic.task.output_available",
    ]  # fmt: skip


async def test_in_progress_is_heard_before_the_work_begins(bench: Bench) -> None:
    """The observer knows that a task is in progress when its agent starts."""  # F-12

    async def look(_: Work) -> list[str]:
        return [status.value for status in bench.observer.statuses("x")]

    assert (await bench.run(make_plan({"id": "x"}), x=look)).output == ["pending", "in_progress"]


async def test_the_nearest_setting_wins(bench: Bench) -> None:
    """A run's option serves tasks that set nothing; a task's own value wins."""  # A-Q2
    bench.options = bench.options.model_copy(update={"retries": 0})
    bench.options.__pydantic_fields_set__.add("retries")
    errors = [ServerFault(str(n)) for n in range(9)]
    result = await bench.run(
        make_plan({"id": "x", **FAST}, {"id": "y", "retries": 1, **FAST}), x=fails(*errors), y=fails(*errors)
    )

    assert (result.results["x"].attempts, result.results["y"].attempts) == (1, 2)


async def test_an_output_without_a_json_form_fails_the_task(bench: Bench) -> None:
    """The message names the type and the way out."""

    async def odd(_: Work) -> object:
        return object()

    error = (await bench.run(make_plan({"id": "x"}), x=odd)).results["x"].error

    assert error is not None
    assert "An output of type object cannot be stored as JSON" in error.message
