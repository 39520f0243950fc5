"""What the history keeps of tasks that failed for good."""

from typing import Any

from agentic_prefect.history.keeping import Keeping
from agentic_prefect.history.watched import Watched
from agentic_prefect.models.events import (
    Event,
    PlanCompleted,
    TaskDeadLettered,
    TaskFallback,
    TaskOutputAvailable,
)
from agentic_prefect.models.history import DeadLetterEntry, HistoryQuery
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.failure import final_error
from agentic_prefect.testing.builders import make_plan
from agentic_prefect.testing.history import MemoryHistory
from tests.history.test_keeping import error

PLAN = make_plan(
    {"id": "write", "agent": "writer", "on_failure": {"fallback": ["spare"]}},
    {"id": "spare"},
    {"id": "each", "for_each": [1, 2]},
    name="trip",
    agents={"writer": {}},
)


def keep(store: MemoryHistory, *events: Event, run_id: str = "run-1", **watched: Any) -> None:
    """Keep the events of one run of the work that began with run-1."""
    keeping = Keeping(Watched(PLAN, run_id, lineage="run-1", **watched), lambda: store)
    for event in events:
        keeping.hear(event)
    keeping.save()


def place(second: float, task_id: str, run_id: str = "run-1", **more: Any) -> dict[str, Any]:
    """The fields of a task's event."""
    return {"at": error(second).timestamp, "plan": "trip", "run_id": run_id, "task_id": task_id, **more}


def lost(second: float, task_id: str = "write", run_id: str = "run-1", **more: Any) -> TaskDeadLettered:
    """A task that failed twice, and whose fallback failed, too."""
    final = final_error(error(second, "server", 2), history=(error(1, "timeout", 1),), exhausted=True)
    spare = final_error(error(second, "refusal", 1), history=(), exhausted=False)
    final = final.model_copy(update={"history": (*final.history, spare)})
    return TaskDeadLettered(**place(second, task_id, run_id, **more), attempts=2, error=final)


def output(second: float, task_id: str, run_id: str) -> TaskOutputAvailable:
    """A task that has an output."""
    return TaskOutputAvailable(**place(second, task_id, run_id), attempts=1, usage=Usage(), elapsed_s=1.0, model=None)


def the_letter(store: MemoryHistory) -> DeadLetterEntry:
    """The only letter there is."""
    (letter,) = store.find(DeadLetterEntry, HistoryQuery(rehearsals=True))
    return letter


def test_every_attempt_is_listed() -> None:
    """Those of the task and those of its fallback, in order, with code and model; the letter waits to be seen to."""
    # A-57 A-Q1
    store = MemoryHistory()
    keep(store, lost(5))
    letter = the_letter(store)

    assert [(each.code, each.attempt, each.model) for each in letter.errors] == [
        ("timeout", 1, "gpt-small"),
        ("server", 2, "gpt-small"),
        ("refusal", 1, "gpt-small"),
    ]
    assert (letter.status, letter.code, letter.task_id, letter.agent) == (
        "open",
        "max_retries_exceeded",
        "write",
        "writer",
    )
    assert letter.message == "All 2 attempts failed. The last one: server: it broke 2"


def test_a_task_that_fails_in_a_later_run_renews_its_letter() -> None:
    """There is one letter for the same work, of the latest run, which says how often it was lost."""
    store = MemoryHistory()
    keep(store, lost(5))
    first = the_letter(store)
    keep(store, lost(50, run_id="run-2"), run_id="run-2")
    second = the_letter(store)

    assert (second.id, second.at, second.run_id, second.times) == (first.id, first.at, "run-2", 2)


def test_an_output_in_a_later_run_resolves_the_letter() -> None:
    """The letter names the run; another task's output changes nothing."""
    store = MemoryHistory()
    keep(store, lost(5))
    keep(store, output(50, "each", "run-2"), run_id="run-2")
    assert the_letter(store).status == "open"
    keep(store, output(60, "write", "run-3"), run_id="run-3")

    assert (the_letter(store).status, the_letter(store).resolved_by) == ("resolved", "run-3")


def test_a_fallback_in_a_later_run_resolves_the_letter() -> None:
    """What stands in for the task counts as its output."""
    store = MemoryHistory()
    keep(store, lost(5))
    fallback = TaskFallback(**place(50, "write", "run-2"), fallback_id="spare")
    keep(store, fallback, output(60, "spare", "run-2"), run_id="run-2")

    assert the_letter(store).resolved_by == "run-2"


def test_a_plan_that_completes_resolves_what_was_lost_before() -> None:
    """An edited plan may do without the task."""
    store = MemoryHistory()
    keep(store, lost(5))
    about = {"at": error(60).timestamp, "plan": "trip", "run_id": "run-2"}
    keep(store, PlanCompleted(**about, usage=Usage(), elapsed_s=1.0), run_id="run-2")

    assert the_letter(store).status == "resolved"


def test_a_letter_that_was_put_aside_comes_back_with_another_failure() -> None:
    """Whoever discarded it did so for what was known then."""
    store = MemoryHistory()
    keep(store, lost(5))
    store.update(the_letter(store).model_copy(update={"status": "discarded", "comment": "later"}))
    keep(store, lost(50, run_id="run-2"), run_id="run-2")

    assert (the_letter(store).status, the_letter(store).comment) == ("open", "")


def test_what_a_sub_plan_loses_is_the_business_of_the_plan_around_it() -> None:
    """A run that is part of another one has no letters: the task that it is may have a fallback."""
    store = MemoryHistory()
    keep(store, lost(5, parent_run_id="run-0"))

    assert store.find(DeadLetterEntry) == []


def test_a_single_task_of_a_flow_has_no_letter() -> None:
    """There is no plan that could go on."""
    store = MemoryHistory()
    keep(store, lost(5), whole_plan=False)

    assert store.find(DeadLetterEntry) == []


def test_texts_are_kept_as_the_settings_say() -> None:
    """No message gets around what is to be kept of texts."""  # F-51
    store = MemoryHistory()
    keep(store, lost(5), clean=lambda text: f"{len(text)} characters")
    letter = the_letter(store)

    assert {letter.message, *(each.message for each in letter.errors)} == {"55 characters", "10 characters"}
