"""What every `HistoryStore` does, whatever it keeps its entries in."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from agentic_prefect.history.sql_store import SqlHistory
from agentic_prefect.models.history import (
    DeadLetterEntry,
    FailureEntry,
    HistoryQuery,
    ReportEntry,
    RunEntry,
    Summary,
    TaskEntry,
)
from agentic_prefect.models.history_errors import AlreadyRecorded, NotRecorded, UnknownCondition
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.ports import HistoryStore
from agentic_prefect.testing.history import MemoryHistory
from tests.history.samples import ONE_OF_EACH, PROMPT, a_failure, a_letter, a_report, a_run, a_task, at

MAKERS: dict[str, Callable[[Path], HistoryStore]] = {
    "sql": lambda folder: SqlHistory(f"sqlite:///{folder}/history.db"),
    "memory": lambda _: MemoryHistory(),
}


@pytest.fixture(params=MAKERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> HistoryStore:
    """An empty store of each kind."""
    return MAKERS[request.param](tmp_path)


@pytest.mark.parametrize("entry", ONE_OF_EACH, ids=lambda entry: type(entry).__name__)
def test_what_is_registered_is_there_unchanged(store: HistoryStore, entry: RunEntry) -> None:
    """An entry comes back equal, its status, cost and times to the last digit."""  # A-25 A-29
    assert store.get(type(entry), entry.id) is None
    store.register(entry)

    assert store.get(type(entry), entry.id) == entry


def test_an_entry_of_which_little_is_known_comes_back_as_such(store: HistoryStore) -> None:
    """An unknown cost stays unknown, and a prompt that there was not is none."""
    bare = TaskEntry(
        id="t", run_id="r", plan="p", task_id="a", at=at(0), updated_at=at(0), usage=Usage(calls=1, cost_usd=None)
    )
    store.register(bare)

    assert store.get(TaskEntry, "t") == bare


def test_registering_twice_is_refused(store: HistoryStore) -> None:
    """The second time names the entry, and what was there stays as it was, also when others came along."""
    store.register(a_task(1))
    with pytest.raises(AlreadyRecorded, match=r"has a task 'task-1' already, and nothing was changed. Use `update`"):
        store.register(a_task(2), a_task(1, status=TaskStatus.CANCELLED), a_run())

    assert store.find(TaskEntry) == [a_task(1)]
    assert store.find(RunEntry) == []


def test_the_same_entry_twice_at_once_is_refused(store: HistoryStore) -> None:
    """Neither is kept."""
    with pytest.raises(AlreadyRecorded, match="'failure-1'"):
        store.register(a_failure(1), a_failure(1))

    assert store.find(FailureEntry) == []


def test_a_change_is_kept(store: HistoryStore) -> None:
    """The entry's new form takes the place of the old one; another entry stays as it is."""
    store.register(a_task(1, status=TaskStatus.IN_PROGRESS), a_task(2))
    store.update(a_task(1, status=TaskStatus.FAILED, code="timeout"))

    assert store.get(TaskEntry, "task-1") == a_task(1, status=TaskStatus.FAILED, code="timeout")
    assert store.get(TaskEntry, "task-2") == a_task(2)


def test_changing_what_is_not_there_is_refused(store: HistoryStore) -> None:
    """It names the entry, and nothing changes, also when others came along."""
    store.register(a_task(1))
    with pytest.raises(NotRecorded, match=r"has no task 'task-9', and nothing was changed. Use `register`"):
        store.update(a_task(1, attempts=5), a_task(9))

    assert store.find(TaskEntry) == [a_task(1)]


def test_the_latest_come_first(store: HistoryStore) -> None:
    """In the order of time, and at most as many as are wanted."""
    store.register(a_run(2), a_run(1), a_run(3))

    assert [run.id for run in store.find(RunEntry)] == ["run-3", "run-2", "run-1"]
    assert [run.id for run in store.find(RunEntry, HistoryQuery(latest=2))] == ["run-3", "run-2"]


QUERIES = [
    (HistoryQuery(status="failed"), {1}),
    (HistoryQuery(status="completed", agent="critic"), {3}),
    (HistoryQuery(task_id="read"), {2}),
    (HistoryQuery(plan="other"), {4}),
    (HistoryQuery(run_id="run-7", model="big"), {2}),
    (HistoryQuery(code="timeout"), {1}),
    (HistoryQuery(prompt_id="summary"), {3}),
    (HistoryQuery(prompt_id="agent/default"), {1, 2, 4}),
    (HistoryQuery(since=at(3)), {3, 4}),
    (HistoryQuery(until=at(3)), {1, 2}),
    (HistoryQuery(since=at(2), until=at(4)), {2, 3}),
    (HistoryQuery(rehearsals=True), {1, 2, 3, 4, 5}),
    (HistoryQuery(status="failed'; --"), set[int]()),
    (HistoryQuery(), {1, 2, 3, 4}),
]


@pytest.mark.parametrize(
    ("query", "expected"), QUERIES, ids=[query.model_dump_json(exclude_unset=True) for query, _ in QUERIES]
)
def test_a_query_filters(store: HistoryStore, query: HistoryQuery, expected: set[int]) -> None:
    """Only what meets every condition is found; rehearsals only when they are asked for."""  # A-31 L-45
    store.register(
        a_task(1, status=TaskStatus.FAILED, code="timeout"),
        a_task(2, task_id="read", run_id="run-7", model="big"),
        a_task(3, agent="critic", prompt=PROMPT.model_copy(update={"id": "summary"})),
        a_task(4, plan="other"),
        a_task(5, rehearsal=True),
    )

    assert {int(task.id.removeprefix("task-")) for task in store.find(TaskEntry, query)} == expected


def test_a_query_for_what_there_is_not_is_refused(store: HistoryStore) -> None:
    """A condition or a group that such entries do not have is an error, and no empty answer."""
    with pytest.raises(UnknownCondition, match=r"A run has no 'agent'. It has: run_id, lineage, plan, status"):
        store.find(RunEntry, HistoryQuery(agent="x"))
    with pytest.raises(UnknownCondition, match=r"A report has no 'plan'. It has:"):
        store.find(ReportEntry, HistoryQuery(plan="x"))
    with pytest.raises(UnknownCondition, match=r"A failure has no 'message'. It has: code, task_id, plan, kind"):
        store.count(FailureEntry, "message")


def test_failures_are_counted(store: HistoryStore) -> None:
    """By each field, the most frequent first; what has no value is counted as none."""
    store.register(
        *(a_failure(number) for number in range(3)),
        a_failure(3, code="timeout", agent=None, prompt=None),
        a_failure(4, plan="other", resolution="fallback"),
        a_failure(5, rehearsal=True),
    )

    assert list(store.count(FailureEntry, "code").items()) == [("rate_limit", 4), ("timeout", 1)]
    assert store.count(FailureEntry, "agent") == {"writer": 4, "none": 1}
    assert store.count(FailureEntry, "prompt") == {"agent/default@1.0.0": 4, "none": 1}
    assert store.count(FailureEntry, "resolution") == {"retry": 4, "fallback": 1}
    assert store.count(FailureEntry, "code", HistoryQuery(plan="other")) == {"rate_limit": 1}


def test_runs_are_counted_by_status(store: HistoryStore) -> None:
    """A run that has not ended is running."""
    store.register(a_run(1), a_run(2, status="running", ended_at=None), a_run(3, status=PlanStatus.FAILED))

    assert store.count(RunEntry, "status") == {"completed": 1, "failed": 1, "running": 1}


def test_a_metric_of_ten_tasks(store: HistoryStore) -> None:
    """The mean, the sum and the extremes are exact; what has no value, and what is counted elsewhere, is left out."""
    # L-45
    for second in range(1, 11):
        store.register(a_task(second, duration_s=float(second), usage=Usage(cost_usd=Decimal(second) / 4)))
    store.register(
        a_task(11, duration_s=None, usage=Usage(cost_usd=None)),
        a_task(12, duration_s=1000.0, composite=True),
        a_task(13, agent="idle", duration_s=None),
    )

    idle = Summary(count=1, known=0)
    assert store.summarise("duration_s", "agent") == {
        "idle": idle,
        "writer": Summary(count=11, known=10, total=55.0, mean=5.5, least=1.0, most=10.0),
    }
    costs = store.summarise("cost_usd", "agent")["writer"]
    assert costs == Summary(count=11, known=10, total=13.75, mean=1.375, least=0.25, most=2.5)


def test_tokens_are_those_of_both_directions(store: HistoryStore) -> None:
    """Input and output add up."""
    store.register(a_task(1), a_task(2, usage=Usage(input_tokens=1, output_tokens=2)))

    tokens = store.summarise("tokens", "task_id")["write"]
    assert (tokens.total, tokens.least, tokens.most) == (1237.0, 3.0, 1234.0)


def test_old_runs_are_removed_whole(store: HistoryStore) -> None:
    """A run goes with its tasks and failures when nothing in it has changed since; one that still changes stays, and
    so does a dead letter that nobody has seen to.
    """
    # L-45
    store.register(
        a_run(id="old", updated_at=at(10)),
        a_task(1, run_id="old", updated_at=at(10)),
        a_failure(1, run_id="old", updated_at=at(5)),
        a_run(id="long", updated_at=at(10)),
        a_task(2, run_id="long", updated_at=at(500)),
        a_task(3, run_id="long", updated_at=at(10)),
        a_failure(2, run_id="long", updated_at=at(5)),
        a_task(4, run_id="flow", updated_at=at(10)),
        a_run(id="new", updated_at=at(100)),
        a_letter(1, run_id="old"),
        a_letter(2, run_id="old", status="open"),
        a_letter(3, updated_at=at(200)),
        a_report(1),
        a_report(200),
    )

    assert store.prune(at(100)) == 6
    assert {letter.id for letter in store.find(DeadLetterEntry)} == {"letter-2", "letter-3"}
    assert {run.id for run in store.find(RunEntry)} == {"long", "new"}
    assert {task.id for task in store.find(TaskEntry)} == {"task-2", "task-3"}
    assert [failure.id for failure in store.find(FailureEntry)] == ["failure-2"]
    assert [report.id for report in store.find(ReportEntry)] == ["report-200"]
    assert store.prune(at(100)) == 0
