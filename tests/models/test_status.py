"""Which state may follow which."""

import itertools

import pytest

from agentic_prefect.errors import IllegalTransition
from agentic_prefect.models.status import TRANSITIONS, TaskStatus, may_follow, transition

LIFE = ["pending", "in_progress", "failed", "retrying", "in_progress", "failed", "retrying", "in_progress", "completed"]


def test_a_task_may_fail_twice_and_then_complete() -> None:
    """The life of a task that succeeds at its third attempt is legal, step by step."""  # F-06
    assert all(may_follow(TaskStatus(old), TaskStatus(new)) for old, new in itertools.pairwise(LIFE))


@pytest.mark.parametrize(
    ("old", "new"),
    [("completed", "retrying"), ("skipped", "in_progress"), ("pending", "completed"), ("failed", "completed")],
)
def test_an_illegal_step_is_refused(old: str, new: str) -> None:
    """The refusal names the task, both states and what would be legal."""  # F-07
    with pytest.raises(IllegalTransition) as caught:
        transition("x", TaskStatus(old), TaskStatus(new))

    assert f"Task 'x' is {old!r} and cannot become {new!r}." in str(caught.value)


def test_every_state_is_in_the_table() -> None:
    """No state is left without an answer, and an unknown word is no state."""
    assert set(TRANSITIONS) == set(TaskStatus)
    with pytest.raises(ValueError, match="'done' is not a valid TaskStatus"):
        TaskStatus("done")


def test_final_states() -> None:
    """Four states end a task; of these only failed may be left again."""
    assert {status.value for status in TaskStatus if status.is_final} == {"completed", "failed", "skipped", "cancelled"}
    assert {status.value for status in TaskStatus if status.is_final and TRANSITIONS[status]} == {"failed"}
