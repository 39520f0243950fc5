"""What the history makes of the events of a run."""

from collections.abc import Callable
from typing import Any

import pytest

from agentic_prefect.errors import ErrorCode
from agentic_prefect.history.keeping import Keeping
from agentic_prefect.history.watched import Watched
from agentic_prefect.models.error import ErrorContext, TaskError
from agentic_prefect.models.events import (
    Event,
    InterventionExpired,
    InterventionResolved,
    PlanCancelled,
    PlanCompleted,
    PlanFailed,
    PlanStarted,
    TaskFailed,
    TaskFallback,
    TaskOutputAvailable,
    TaskRetrying,
    TaskSkipped,
    TaskStatusChanged,
    VerificationCompleted,
)
from agentic_prefect.models.history import FailureEntry, HistoryQuery, RunEntry, TaskEntry
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.prompt import PromptRecord
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.models.verdict import Outcome
from agentic_prefect.testing.builders import make_plan
from agentic_prefect.testing.history import MemoryHistory
from tests.history.samples import PROMPT, USAGE, at

PLAN = make_plan(
    {"id": "write", "agent": "writer", "on_failure": {"fallback": ["write_short"]}},
    {"id": "write_short", "agent": "writer"},
    {"id": "search", "agent": "finder", "for_each": [1, 2, 3], "on_failure": "continue"},
    {"id": "inner", "kind": "plan", "plan": "other"},
    name="trip",
    agents={"writer": {"role": "writer"}, "finder": {"role": "finder"}},
)
P, R, F = TaskStatus.PENDING, TaskStatus.RETRYING, TaskStatus.FAILED
RUNS, DONE, ASKS = TaskStatus.IN_PROGRESS, TaskStatus.COMPLETED, TaskStatus.AWAITING_HUMAN
PASS_USAGE = Usage(input_tokens=10, calls=1)


def place(second: float, task_id: str | None = None) -> dict[str, Any]:
    """The fields that every event carries."""
    return {"at": at(second), "plan": "trip", "run_id": "run-1", **({"task_id": task_id} if task_id else {})}


def moved(second: float, task_id: str, old: TaskStatus, new: TaskStatus, attempt: int = 1) -> TaskStatusChanged:
    """A change of a task's status."""
    return TaskStatusChanged(**place(second, task_id), old=old, new=new, attempt=attempt, task_run_id="prefect-1")


def error(second: float, code: str = "rate_limit", attempt: int = 1, **fields: Any) -> TaskError:
    """What an attempt ended with."""
    context = ErrorContext(
        frames=("outer.py:1 in g", "inner.py:2 in f"),
        attempt=attempt,
        timeout_s=60.0,
        elapsed_s=1.5,
        model="gpt-small",
        prompt=PromptRecord(**PROMPT.model_dump(), text="secret prompt"),
    )
    given: dict[str, Any] = {"type": "Broken", "message": f"it broke {attempt}", "context": context, **fields}
    return TaskError(code=ErrorCode(code), timestamp=at(second), **given)


def exhausted(last: TaskError) -> TaskError:
    """What a task ends with when no attempts are left."""
    return last.model_copy(
        update={"code": ErrorCode.MAX_RETRIES_EXCEEDED, "type": "MaxRetriesExceededError", "cause": last}
    )


def failed(second: float, task_id: str, last: TaskError, attempts: int = 1) -> TaskFailed:
    """The end of a task."""
    return TaskFailed(**place(second, task_id), attempts=attempts, error=last, usage=USAGE, elapsed_s=4.0)


def succeeded(second: float, task_id: str, *, attempts: int = 1, cached: bool = False) -> TaskOutputAvailable:
    """The good end of a task."""
    return TaskOutputAvailable(
        **place(second, task_id),
        attempts=attempts,
        usage=USAGE,
        elapsed_s=2.5,
        model="gpt-small-2026",
        prompt=PROMPT,
        cached=cached,
    )


@pytest.fixture
def store() -> MemoryHistory:
    """An empty history."""
    return MemoryHistory()


def tell(
    store: MemoryHistory, *events: Event, plan: Plan = PLAN, clean: Callable[[str], str] = str, **fields: Any
) -> None:
    """Have the events of one pass of the run kept."""
    keeping = Keeping(Watched(plan, "run-1", lineage="run-0", clean=clean, **fields), lambda: store)
    for event in events:
        keeping.hear(event)
        keeping.save()


def the_task(store: MemoryHistory, task_id: str) -> TaskEntry:
    """The only entry of a task."""
    (task,) = store.find(TaskEntry, HistoryQuery(task_id=task_id))
    return task


def failures(store: MemoryHistory, task_id: str | None = None) -> list[FailureEntry]:
    """The failures, oldest first."""
    return list(reversed(store.find(FailureEntry, HistoryQuery(task_id=task_id))))


RETRIED: tuple[Event, ...] = (
    moved(1, "write", P, RUNS),
    moved(2, "write", RUNS, F),
    TaskRetrying(**place(2, "write"), attempt=1, error=error(2, retry_after_s=7.0), delay_s=7.0),
    moved(2, "write", F, R),
    moved(3, "write", R, RUNS, 2),
)


def test_a_run_is_kept_from_its_start(store: MemoryHistory) -> None:
    """It is running until it says how it ended, and then has its time, its usage and its reason."""
    tell(store, PlanStarted(**place(0), tasks=4))
    first = store.get(RunEntry, "run-1")
    tell(
        store, PlanFailed(**place(9), status=PlanStatus.PARTIAL_FAILURE, reason="x failed", usage=USAGE, elapsed_s=9.0)
    )
    last = store.get(RunEntry, "run-1")

    assert first is not None
    assert (first.status, first.plan, first.lineage, first.tasks, first.ended_at) == (
        "running",
        "trip",
        "run-0",
        4,
        None,
    )
    assert last is not None
    assert (last.status, last.reason, last.duration_s, last.usage) == ("partial_failure", "x failed", 9.0, USAGE)
    assert (last.at, last.ended_at, last.updated_at) == (at(0), at(9), at(9))


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (PlanCompleted(**place(9), usage=USAGE, elapsed_s=9.0), "completed"),
        (PlanCancelled(**place(9), reason="Ctrl-C", usage=USAGE, elapsed_s=9.0), "cancelled"),
    ],
)
def test_a_run_ends_as_it_says(store: MemoryHistory, event: Event, status: str) -> None:
    """Each end has its status."""
    tell(store, PlanStarted(**place(0), tasks=1), event)

    assert store.count(RunEntry, "status") == {status: 1}


def test_every_status_is_kept_as_it_is_reached(store: MemoryHistory) -> None:
    """After each event the store holds the status that the task has, and how often it was tried."""
    seen: list[tuple[str, int]] = []
    keeping = Keeping(Watched(PLAN, "run-1", lineage=""), lambda: store)
    for event in (*RETRIED, moved(4, "write", RUNS, DONE, 2)):
        keeping.hear(event)
        keeping.save()
        task = the_task(store, "write")
        seen.append((task.status, task.attempts))

    assert seen == [
        ("in_progress", 1),
        ("failed", 1),
        ("failed", 1),
        ("retrying", 1),
        ("in_progress", 2),
        ("completed", 2),
    ]


def test_a_task_that_succeeds_has_its_facts(store: MemoryHistory) -> None:
    """Who did it, with what, how long it took and what it consumed; the prompt without its text."""
    tell(store, moved(1, "write", P, RUNS), moved(3, "write", RUNS, DONE), succeeded(3, "write"))
    task = the_task(store, "write")

    assert (task.kind, task.agent, task.model, task.task_run_id) == ("agent", "writer", "gpt-small-2026", "prefect-1")
    assert (task.duration_s, task.usage, task.attempts, task.code) == (2.5, USAGE, 1, None)
    assert (task.at, task.ended_at) == (at(1), at(3))
    assert task.prompt == PROMPT


def test_a_task_has_the_verdict_on_its_last_output(store: MemoryHistory) -> None:
    """What checks found, and how good they found it; an earlier attempt's verdict gives way."""

    def found(second: float, outcome: Outcome, ratio: float) -> VerificationCompleted:
        return VerificationCompleted(**place(second, "write"), attempt=1, outcome=outcome, confidence_ratio=ratio)

    tell(store, *RETRIED, found(2, "rejected", 0.1), found(3, "verified", 0.9), succeeded(3, "write"))
    task = the_task(store, "write")

    assert (task.verdict, task.verdict_ratio) == ("verified", 0.9)


def test_a_retry_is_told_of_as_such(store: MemoryHistory) -> None:
    """The attempt that failed has its error, its place and its context, and it came right in the end."""
    # F-48 F-50
    tell(store, *RETRIED, moved(4, "write", RUNS, DONE, 2), succeeded(4, "write", attempts=2))
    (failure,) = failures(store)

    assert (failure.kind, failure.agent, failure.model, failure.attempt) == ("agent", "writer", "gpt-small", 1)
    assert (failure.code, failure.type, failure.message) == ("rate_limit", "Broken", "it broke 1")
    assert failure.prompt == PROMPT
    assert failure.context == {
        "frame": "inner.py:2 in f",
        "timeout_s": 60.0,
        "elapsed_s": 1.5,
        "retry_after_s": 7.0,
    }
    assert (failure.resolution, failure.recovered) == ("retry", True)
    assert (the_task(store, "write").resolution, the_task(store, "write").code) == ("retry", None)


def test_each_attempt_is_an_entry_in_order(store: MemoryHistory) -> None:
    """Two retries and the end: three entries, and only the last one was not tried again."""  # F-48 F-50
    tell(
        store,
        *RETRIED,
        TaskRetrying(**place(4, "write"), attempt=2, error=error(4, attempt=2), delay_s=1.0),
        moved(6, "write", RUNS, F, 3),
        failed(6, "write", exhausted(error(6, "timeout", attempt=3)), attempts=3),
        PlanFailed(**place(9), status=PlanStatus.FAILED, reason="", usage=USAGE, elapsed_s=9.0),
    )

    assert [(each.attempt, each.code, each.resolution) for each in failures(store)] == [
        (1, "rate_limit", "retry"),
        (2, "rate_limit", "retry"),
        (3, "timeout", "none"),
    ]
    assert [each.recovered for each in failures(store)] == [False, False, False]
    task = the_task(store, "write")
    assert (task.status, task.code, task.attempts, task.usage) == ("failed", "max_retries_exceeded", 3, USAGE)


def test_a_fallback_is_told_of_as_such(store: MemoryHistory) -> None:
    """The failure that led to it says so, and came right when the fallback did."""  # F-48
    tell(
        store,
        moved(1, "write", P, RUNS),
        moved(2, "write", RUNS, F),
        failed(2, "write", error(2, "refusal")),
        TaskFallback(**place(2, "write"), fallback_id="write_short"),
        moved(3, "write_short", P, RUNS),
    )
    open_still = failures(store)
    tell_more = [moved(4, "write_short", RUNS, DONE), succeeded(4, "write_short")]
    store_again = MemoryHistory()
    tell(
        store_again,
        failed(2, "write", error(2, "refusal")),
        TaskFallback(**place(2, "write"), fallback_id="write_short"),
        *tell_more,
    )

    assert [(each.resolution, each.recovered) for each in open_still] == [("fallback", None)]
    assert [(each.resolution, each.recovered) for each in failures(store_again)] == [("fallback", True)]
    assert the_task(store, "write").resolution == "fallback"


def test_a_person_s_decision_is_told_of_as_such(store: MemoryHistory) -> None:
    """Whatever the person decided on: it was a person."""  # F-48
    tell(
        store,
        failed(2, "write", error(2, "authentication")),
        moved(2, "write", F, ASKS),
        InterventionResolved(**place(5, "write"), intervention_id="i", action="fallback", by="ada"),
        TaskFallback(**place(6, "write"), fallback_id="write_short"),
    )

    assert [each.resolution for each in failures(store)] == ["human"]


@pytest.mark.parametrize(("action", "resolution"), [("continue", "continue"), ("fail", "none")])
def test_a_deadline_is_nobody_s_decision(store: MemoryHistory, action: Any, resolution: str) -> None:
    """When nobody answered, what the default did is told."""  # F-48
    tell(
        store,
        failed(2, "write", error(2, "authentication")),
        InterventionExpired(**place(5, "write"), intervention_id="i", action=action, reason="too late"),
    )

    assert [each.resolution for each in failures(store)] == [resolution]


@pytest.mark.parametrize(("call", "is_of_plan"), [("inner", True), ("run-plan/inner", True), ("report/inner", False)])
def test_a_deployed_plan_is_told_of_by_its_own_run(store: MemoryHistory, call: str, is_of_plan: bool) -> None:
    """What its tasks took is not counted twice; the run of any other flow has no entries but this."""
    plan = make_plan({"id": "far", "kind": "deployment", "call": call})
    tell(store, moved(1, "far", P, RUNS), moved(2, "far", RUNS, DONE), succeeded(2, "far"), plan=plan)

    assert the_task(store, "far").composite is is_of_plan


def test_a_fan_out_is_told_of_by_its_items(store: MemoryHistory) -> None:
    """The items have the failures and the usage; the task itself has neither, and the plan goes on."""
    tell(
        store,
        moved(1, "search", P, RUNS, 0),
        moved(1, "search[0]", P, RUNS),
        failed(2, "search[0]", error(2, "server")),
        moved(2, "search[1]", P, RUNS),
        moved(3, "search[1]", RUNS, DONE),
        succeeded(3, "search[1]"),
        moved(4, "search", RUNS, F, 0),
        failed(4, "search", error(4, "server"), attempts=0),
    )
    whole = the_task(store, "search")

    assert [(each.task_id, each.resolution) for each in failures(store)] == [("search[0]", "continue")]
    assert (whole.composite, whole.usage, whole.code) == (True, Usage(), "server")
    assert (the_task(store, "search[1]").composite, the_task(store, "search[1]").usage) == (False, USAGE)
    assert the_task(store, "search[1]").agent == "finder"


def test_a_sub_plan_s_failure_is_told_of_by_its_tasks(store: MemoryHistory) -> None:
    """The task that it is part of adds none; one that kept it from running at all is its own."""
    tell(store, failed(2, "inner", error(2, "unexpected", type="SubPlanFailed")))
    consequence = failures(store)
    tell(store, failed(3, "inner", error(3, "plan_invalid", type="PlanInvalid")))

    assert consequence == []
    assert [each.code for each in failures(store)] == ["plan_invalid"]


def test_a_skipped_task_says_why(store: MemoryHistory) -> None:
    """It was never tried."""
    tell(
        store,
        moved(1, "write", P, TaskStatus.SKIPPED, 0),
        TaskSkipped(**place(1, "write"), reason="it needs 'x', which failed", cause="x"),
    )
    task = the_task(store, "write")

    assert (task.status, task.reason, task.attempts, task.ended_at) == (
        "skipped",
        "it needs 'x', which failed",
        0,
        at(1),
    )


def test_a_stored_result_costs_nothing_again(store: MemoryHistory) -> None:
    """What another run paid for is not counted here."""
    tell(store, moved(1, "write", P, RUNS), moved(1, "write", RUNS, DONE), succeeded(1, "write", cached=True))
    task = the_task(store, "write")

    assert (task.cached, task.usage, task.attempts, task.duration_s) == (True, Usage(), 0, None)


def test_a_run_that_is_run_again_goes_on(store: MemoryHistory) -> None:
    """A retry is no second registration: the finished task stays as it was, the other one goes on from what is there,
    and the run's usage adds up.
    """
    # A-26 A-29
    tell(
        store,
        PlanStarted(**place(0), tasks=2),
        moved(1, "write_short", P, RUNS),
        moved(2, "write_short", RUNS, DONE),
        succeeded(2, "write_short"),
        moved(2, "write", P, RUNS),
        moved(3, "write", RUNS, F),
        failed(3, "write", error(3, "refusal")),
        PlanFailed(**place(4), status=PlanStatus.PARTIAL_FAILURE, reason="no", usage=PASS_USAGE, elapsed_s=4.0),
    )
    finished = the_task(store, "write_short")
    tell(
        store,
        PlanStarted(**place(100), tasks=2),
        moved(101, "write_short", P, RUNS),
        moved(101, "write_short", RUNS, DONE),
        succeeded(101, "write_short", cached=True),
        moved(101, "write", P, RUNS),
        moved(102, "write", RUNS, DONE),
        succeeded(102, "write"),
        PlanCompleted(**place(103), usage=PASS_USAGE, elapsed_s=3.0),
    )
    run, task = store.get(RunEntry, "run-1"), the_task(store, "write")

    assert run is not None
    assert (run.status, run.reason, run.at, run.usage) == ("completed", "", at(0), PASS_USAGE + PASS_USAGE)
    assert the_task(store, "write_short").model_copy(update={"updated_at": finished.updated_at}) == finished
    assert (task.status, task.attempts, task.usage, task.code) == ("completed", 2, USAGE + USAGE, None)
    assert len(failures(store)) == 1


def test_a_task_called_twice_in_a_flow_is_two_entries(store: MemoryHistory) -> None:
    """In somebody's own flow the same function may be called again."""
    for number in (1, 2):
        run = TaskStatusChanged(**place(number, "write"), old=P, new=RUNS, attempt=1, task_run_id=f"prefect-{number}")
        tell(store, run, whole_plan=False)

    assert len(store.find(TaskEntry)) == 2


def test_texts_are_cleaned(store: MemoryHistory) -> None:
    """Messages, reasons and places go through what the caller gives; names stay."""  # L-45
    tell(
        store,
        PlanStarted(**place(0), tasks=1),
        moved(1, "write", P, TaskStatus.SKIPPED, 0),
        TaskSkipped(**place(1, "write"), reason="because of Ada"),
        failed(2, "write_short", error(2, "refusal", message="Ada said no")),
        PlanCancelled(**place(3), reason="Ada came", usage=USAGE, elapsed_s=3.0),
        clean=lambda text: f"[{len(text)} characters]",
    )
    (failure,), run = failures(store), store.get(RunEntry, "run-1")

    assert run is not None
    assert (failure.message, failure.context["frame"]) == ("[11 characters]", "[15 characters]")
    assert (run.reason, the_task(store, "write").reason) == ("[8 characters]", "[14 characters]")
    assert "Ada" not in "".join(entry.model_dump_json() for entry in (failure, run, *store.find(TaskEntry)))
    assert (failure.task_id, failure.plan, failure.code, failure.agent) == ("write_short", "trip", "refusal", "writer")


def test_rehearsals_are_marked(store: MemoryHistory) -> None:
    """Every entry of one says so, and nothing of it is counted."""
    tell(store, PlanStarted(**place(0), tasks=1), failed(2, "write", error(2)), rehearsal=True)

    assert (store.find(RunEntry), store.find(TaskEntry), store.count(FailureEntry, "code")) == ([], [], {})
    assert store.count(FailureEntry, "code", HistoryQuery(rehearsals=True)) == {"rate_limit": 1}
