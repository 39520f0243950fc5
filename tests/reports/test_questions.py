"""The page of what was asked and decided."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agentic_prefect.models.events import (
    InterventionExpired,
    InterventionRequested,
    InterventionResolved,
    InterventionVoted,
    PlanStarted,
)
from agentic_prefect.reports.questions import Record, headline, page
from agentic_prefect.testing.builders import error_of

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def place(second: float, task_id: str) -> dict[str, Any]:
    """The fields of an event about a question."""
    return {
        "at": START + timedelta(seconds=second),
        "plan": "trip",
        "run_id": "run-1",
        "task_id": task_id,
        "intervention_id": f"run-1:{task_id}:1",
    }


def asked(second: float, task_id: str, **fields: Any) -> InterventionRequested:
    """A question about a failed task."""
    return InterventionRequested(
        **place(second, task_id),
        **{
            "question": f"Task {task_id!r} failed. What is to be done?",
            "error": error_of("timeout", "No result within 5 s"),
            "actions": ("retry", "skip", "fail"),
            "suggested": ("retry", "skip"),
            "priority": "normal",
            "default": "fail",
            **fields,
        },
    )


def test_every_step_is_told() -> None:
    """A question has its five facts and every step: who decided what, when and why, each vote and each escalation."""
    # U-10 F-32
    record = Record()
    for event in (
        asked(0, "a", deadline_s=3600, url="http://host/ask"),
        asked(60, "a", escalated=True, priority="critical"),
        InterventionVoted(**place(90, "a"), action="skip", by="ann", comment="not *needed*"),
        InterventionResolved(**place(95, "a"), action="skip", by="ann, bea"),
    ):
        record.hear(event)

    assert (
        page(record)
        == """\
# Questions to people

## Task 'a' failed. What is to be done?

- Task: a
- Error: timeout: No result within 5 s
- Suggested: retry, skip
- Priority: critical
- Id: run-1:a:1
- By default: fail, after 1h 0m

1. 05 Jan 2026 09:00:00 UTC: asked
2. 05 Jan 2026 09:01:00 UTC: nobody had answered; asked anew as critical
3. 05 Jan 2026 09:01:30 UTC: ann decided skip: not \\*needed\\*; more must agree
4. 05 Jan 2026 09:01:35 UTC: ann, bea decided skip
"""
    )
    assert headline(record) == "**Questions to people**: 0 open, 1 decided."


def test_what_waits_stands_first() -> None:
    """An open question comes before those that are over and says where to answer; a deadline's word is told as such."""
    record = Record()
    record.hear(PlanStarted(at=START, plan="trip", run_id="run-1", tasks=2))
    assert not record
    record.hear(asked(0, "a"))
    record.hear(InterventionExpired(**place(3, "a"), action="fail", reason="Nobody decided within 3 s."))
    record.hear(asked(1, "b", url="http://host/ask"))
    text = page(record)

    assert text.index("Task 'b'") < text.index("Task 'a'")
    assert "**Waits for an answer.** [Answer here](http://host/ask)" in text
    assert "fail holds by default: Nobody decided within 3 s." in text
    assert "By default: fail, never by itself" in text
    assert headline(record) == "**Questions to people**: 1 open, 1 decided."
