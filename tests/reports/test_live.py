"""Events alone tell how far a run is."""

from itertools import pairwise
from typing import Any

from agentic_prefect.errors import ErrorCode
from agentic_prefect.models.events import (
    PlanFailed,
    PlanStarted,
    TaskFailed,
    TaskFallback,
    TaskOutputAvailable,
    TaskRetrying,
    TaskSkipped,
    TaskStatusChanged,
)
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.reports.live import LiveRun
from tests.reports.samples import at, error


def _place(seconds: float, **more: Any) -> dict[str, Any]:
    return {"at": at(seconds), "plan": "p", "run_id": "run-1", **more}


def _moves(task_id: str, start: float, *statuses: TaskStatus, attempt: int = 1) -> list[TaskStatusChanged]:
    return [
        TaskStatusChanged(
            **_place(start + index, task_id=task_id, task_run_id="tr-1"), old=old, new=new, attempt=attempt
        )
        for index, (old, new) in enumerate(pairwise(statuses))
    ]


def test_a_retried_task_keeps_its_errors_and_its_first_start() -> None:
    """After a failed attempt the task is running again, from its first start on, with that attempt's error."""
    live = LiveRun()
    live.hear(PlanStarted(**_place(0), tasks=1))
    for event in _moves("a", 1, TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.FAILED):
        live.hear(event)
    live.hear(TaskRetrying(**_place(2, task_id="a"), attempt=1, error=error(1), delay_s=2.0))
    for event in _moves("a", 3, TaskStatus.FAILED, TaskStatus.RETRYING, TaskStatus.IN_PROGRESS, attempt=2):
        live.hear(event)

    task = live.tasks["a"]
    assert (task.status, task.attempts, task.started_at, task.ended_at) == (TaskStatus.IN_PROGRESS, 2, at(1), None)
    assert [each.code for each in task.failures] == [ErrorCode.RATE_LIMIT]
    assert task.task_run_id == "tr-1"
    assert live.status is None


def test_outcomes_carry_what_a_report_needs() -> None:
    """A success, a failure, a skip and a fallback leave their facts."""
    live = LiveRun()
    usage = Usage(input_tokens=3, calls=1)
    for event in [
        *_moves("ok", 0, TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.COMPLETED),
        TaskOutputAvailable(
            **_place(2, task_id="ok"), attempts=1, usage=usage, elapsed_s=1.0, model="m", cached=True, preview="Hi"
        ),
        *_moves("bad", 0, TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.FAILED),
        TaskFailed(**_place(2, task_id="bad"), attempts=1, error=error(1), usage=usage, elapsed_s=1.0),
        TaskFallback(**_place(2, task_id="bad"), fallback_id="spare"),
        *_moves("no", 0, TaskStatus.PENDING, TaskStatus.SKIPPED),
        TaskSkipped(**_place(0, task_id="no"), reason="it needs 'bad'"),
        PlanFailed(**_place(9), status=PlanStatus.PARTIAL_FAILURE, reason="'bad' failed", usage=usage, elapsed_s=9.0),
    ]:
        live.hear(event)

    assert live.statuses == {"ok": TaskStatus.COMPLETED, "bad": TaskStatus.FAILED, "no": TaskStatus.SKIPPED}
    assert (live.tasks["ok"].preview, live.tasks["ok"].model, live.tasks["ok"].cached) == ("Hi", "m", True)
    assert live.tasks["bad"].reason.startswith("rate_limit: ")
    assert live.tasks["bad"].fallback == "spare"
    assert live.tasks["no"].reason == "it needs 'bad'"
    assert (live.status, live.reason, live.ended_at) == (PlanStatus.PARTIAL_FAILURE, "'bad' failed", at(9))


def test_another_run_is_not_counted() -> None:
    """The events of a sub-plan do not touch the run that is followed."""
    live = LiveRun()
    live.hear(PlanStarted(**_place(0), tasks=1))

    heard = live.hear(PlanStarted(at=at(1), plan="sub", run_id="run-2", parent_run_id="run-1", tasks=5))

    assert heard is False
    assert live.started_at == at(0)
