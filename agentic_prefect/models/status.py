"""The states of a task and of a plan, and which state may follow which."""

from collections.abc import Mapping
from enum import StrEnum

from agentic_prefect.errors import IllegalTransition


class TaskStatus(StrEnum):
    """Where one task is in its life."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    RETRYING = "retrying"
    AWAITING_HUMAN = "awaiting_human"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether a task can end here. A failed task may still be retried."""
        return self in FINAL


class PlanStatus(StrEnum):
    """How a plan ended."""

    COMPLETED = "completed"
    PARTIAL_FAILURE = "partial_failure"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.SKIPPED, TaskStatus.CANCELLED})

TRANSITIONS: Mapping[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.PENDING: frozenset(
        {TaskStatus.IN_PROGRESS, TaskStatus.SKIPPED, TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.AWAITING_HUMAN}
    ),
    TaskStatus.IN_PROGRESS: frozenset(
        {TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.AWAITING_HUMAN}
    ),
    TaskStatus.FAILED: frozenset({TaskStatus.RETRYING, TaskStatus.AWAITING_HUMAN}),
    TaskStatus.RETRYING: frozenset({TaskStatus.IN_PROGRESS, TaskStatus.FAILED, TaskStatus.CANCELLED}),
    TaskStatus.AWAITING_HUMAN: frozenset(
        {
            TaskStatus.IN_PROGRESS,
            TaskStatus.RETRYING,
            TaskStatus.COMPLETED,
            TaskStatus.FAILED,
            TaskStatus.SKIPPED,
            TaskStatus.CANCELLED,
        }
    ),
    TaskStatus.COMPLETED: frozenset(),
    TaskStatus.SKIPPED: frozenset(),
    TaskStatus.CANCELLED: frozenset(),
}
"""Every legal step. A skipped, cancelled or completed task never moves again."""


def may_follow(old: TaskStatus, new: TaskStatus) -> bool:
    """Whether a task in state `old` may change to state `new`."""
    return new in TRANSITIONS[old]


def transition(task_id: str, old: TaskStatus, new: TaskStatus) -> TaskStatus:
    """`new`, if task `task_id` may go there from `old`.

    Raises:
        IllegalTransition: It may not; nothing changes.
    """
    if not may_follow(old, new):
        raise IllegalTransition(task_id, old.value, new.value, tuple(sorted(TRANSITIONS[old])))
    return new
