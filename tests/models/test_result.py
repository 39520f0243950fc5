"""Results and errors as data."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pydantic import BaseModel, ValidationError

from agentic_prefect.errors import ErrorCode, RateLimited, ServerFault, TaskFailed
from agentic_prefect.models.error import ErrorContext, TaskError
from agentic_prefect.models.result import PlanResult, TaskResult
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.testing.builders import EPOCH, completed, error_of, failed

RESULTS = [
    completed("x", {"a": 1}),
    failed("x"),
    TaskResult(task_id="x", status=TaskStatus.SKIPPED, success=False, reason="it needs 'y', which failed"),
    TaskResult(task_id="x", status=TaskStatus.CANCELLED, success=False, reason="stopped"),
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.status)
def test_a_result_is_either_successful_or_failed(result: TaskResult) -> None:
    """The two predicates never agree, and only success gives an output."""  # F-02 L-02 L-04
    assert result.successful != result.failed
    assert result.successful == (result.status is TaskStatus.COMPLETED)


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.status)
def test_a_result_survives_json(result: TaskResult) -> None:
    """What is read back equals what was written."""  # F-03
    assert TaskResult.model_validate_json(result.model_dump_json()) == result


def test_a_result_cannot_be_changed() -> None:
    """Setting a field raises, and so does a field that does not exist."""  # F-03
    with pytest.raises(ValidationError, match="frozen"):
        completed("x").output = "other"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"status": "failed", "success": True}, "contradicts status"),
        ({"status": "failed", "success": False}, "has an error exactly when it is failed"),
        ({"status": "completed", "success": True, "error": error_of()}, "has an error exactly when it is failed"),
    ],
)
def test_a_contradiction_is_refused(fields: dict[str, object], message: str) -> None:
    """Status, success and error always tell the same story."""
    with pytest.raises(ValidationError, match=message):
        TaskResult.model_validate({"task_id": "x", **fields})


def test_unwrap_gives_the_output_or_says_why_not() -> None:
    """The error names the task, its state, the reason and the way out."""  # F-44
    assert completed("x", 42).unwrap() == 42
    with pytest.raises(TaskFailed) as caught:
        failed("x", "refusal", "I cannot").unwrap()
    assert str(caught.value) == (
        "Task 'x' has no output: it is failed (refusal: I cannot). "
        "Look at `result.failed` and `result.error` before `result.unwrap()`, or give the task a fallback."
    )


class Summary(BaseModel):
    text: str


def test_a_result_knows_the_type_of_its_output() -> None:
    """A typed result validates its output; the plain form that is stored carries the same data."""
    typed = TaskResult[Summary].model_validate(completed("x", {"text": "short"}).model_dump())

    assert typed.unwrap().text == "short"
    assert TaskResult.model_validate_json(typed.model_dump_json()).output == {"text": "short"}


def test_an_error_keeps_its_time_and_place() -> None:
    """The dict form has message, type, timestamp and context; the time is UTC and survives a round trip."""
    # F-08 L-03
    moment = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=2)))
    try:
        raise ServerFault("down")
    except ServerFault as raised:
        error = TaskError.from_exception(raised, now=moment, context=ErrorContext(agent_id="writer", attempt=2))
    data = error.to_dict()

    assert {"message", "type", "timestamp", "context"} <= set(data)
    assert (data["message"], data["type"], data["timestamp"]) == ("down", "ServerFault", "2026-03-04T03:06:07Z")
    assert (data["context"]["agent_id"], data["context"]["attempt"]) == ("writer", 2)
    assert TaskError.from_data(data, now=EPOCH) == error
    assert error.timestamp.utcoffset() == timedelta(0)


def test_any_exception_becomes_data() -> None:
    """An ordinary exception keeps its class name and message, has no verdict, and is `unexpected`."""  # F-14
    error = TaskError.from_exception(ValueError("x"), now=EPOCH)

    assert (error.type, error.message, error.code, error.retryable) == ("ValueError", "x", ErrorCode.UNEXPECTED, None)


def test_an_exception_may_bring_its_own_verdict() -> None:
    """A foreign exception with an attribute `retryable` is taken at its word."""  # U-09
    error = ValueError("busy")
    error.retryable = True  # pyright: ignore[reportAttributeAccessIssue]

    assert TaskError.from_exception(error, now=EPOCH).retryable is True
    assert TaskError.from_exception(RateLimited("slow", 3.0), now=EPOCH).retry_after_s == 3.0


def test_a_deep_traceback_is_cut() -> None:
    """At most ten frames are kept, the innermost ones."""  # F-15

    def dive(depth: int) -> None:
        if depth == 0:
            raise RecursionError("too deep")
        dive(depth - 1)

    with pytest.raises(RecursionError) as caught:
        dive(50)
    frames = TaskError.from_exception(caught.value, now=EPOCH).context.frames

    assert len(frames) == 10
    assert frames[-1].endswith("in dive")


@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "Unknown error"), (7, "Unknown error"), ({"odd": 1}, "Unknown error"), ({"message": "told"}, "told")],
)
def test_odd_data_gives_an_unknown_error(data: object, message: str) -> None:
    """Reading a broken record never fails a second time."""  # L-03
    error = TaskError.from_data(data, now=EPOCH)

    assert (error.type, error.message, error.timestamp) == ("UnknownError", message, EPOCH)


def test_usage_adds_up_and_an_unknown_cost_stays_unknown() -> None:
    """Tokens, calls and costs are summed exactly; one unknown price makes the sum unknown, not zero."""  # L-33
    one = Usage(input_tokens=10, output_tokens=5, calls=1, cost_usd=Decimal("0.0001"))
    two = Usage(input_tokens=1, cached_tokens=1, calls=2, cost_usd=Decimal("0.0002"))

    assert one + two == Usage(input_tokens=11, output_tokens=5, cached_tokens=1, calls=3, cost_usd=Decimal("0.0003"))
    assert (one + Usage(calls=1, cost_usd=None)).cost_usd is None
    assert sum((one, two), Usage()).total_tokens == 16


def plan_result() -> PlanResult:
    """A plan of three tasks, one of them a fan-out."""
    results = {"a": completed("a"), "b": failed("b"), "c": completed("c"), "c[0]": completed("c[0]")}
    return PlanResult(
        plan="p",
        run_id="r",
        status=PlanStatus.PARTIAL_FAILURE,
        results=results,
        usage=Usage(calls=3, cost_usd=Decimal("0.5")),
        started_at=EPOCH,
        ended_at=EPOCH + timedelta(seconds=90),
    )


def test_a_plans_result_counts_its_tasks() -> None:
    """Counts are per task, not per item; time and cost are worked out."""  # L-11 L-12
    result = plan_result()

    assert result.counts == {TaskStatus.COMPLETED: 2, TaskStatus.FAILED: 1}
    assert (result.elapsed_s, result.cost_usd) == (90.0, Decimal("0.5"))
    assert (result.successful, result.failed) == (False, True)


def test_a_plans_result_survives_json() -> None:
    """The JSON form has the computed numbers in it and reads back equal."""  # L-11
    result = plan_result()
    text = result.model_dump_json()

    assert '"elapsed_s":90.0' in text
    assert PlanResult.model_validate_json(text) == result
    assert EPOCH.tzinfo is UTC
