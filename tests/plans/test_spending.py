"""What a run consumed, over a suspension."""

from datetime import UTC, datetime

from agentic_prefect.models.error import TaskError
from agentic_prefect.models.result import TaskResult
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.models.suspension import Suspension
from agentic_prefect.models.usage import Usage
from agentic_prefect.plans.progress import Blueprint
from agentic_prefect.plans.spending import by_task, taken_up, to_keep, total
from agentic_prefect.testing.builders import make_plan

BLUEPRINT = Blueprint.of(make_plan({"id": "a"}, {"id": "each", "for_each": [1, 2]}, {"id": "b"}), {})


def _done(name: str, calls: int, *, cached: bool = False) -> TaskResult:
    return TaskResult(task_id=name, status=TaskStatus.COMPLETED, success=True, usage=Usage(calls=calls), cached=cached)


def _failed(name: str, calls: int) -> TaskResult:
    error = TaskError(code="refusal", type="Refused", message="no", timestamp=datetime.now(UTC))  # pyright: ignore[reportArgumentType]
    return TaskResult(task_id=name, status=TaskStatus.FAILED, success=False, usage=Usage(calls=calls), error=error)


def test_what_is_kept() -> None:
    """What was done and paid is kept: no fan-out besides its items, nothing stored, nothing kept as a failure."""
    results = {
        "a": _done("a", 1, cached=True),
        "each": _done("each", 5),
        "each[0]": _done("each[0]", 2),
        "each[1]": _done("each[1]", 3),
        "b": _done("b", 4),
    }
    kept = to_keep(BLUEPRINT, results, {"b": (_failed("b", 4),), "each[1]": (_failed("each[1]", 1), None)})

    assert kept == {"each[0]": Usage(calls=2), "each[1]": Usage(calls=3)}
    assert total(BLUEPRINT, results) == Usage(calls=9)


def test_what_each_task_spent() -> None:
    """A task's items are added up; a failure counts once, with the tries that it holds."""
    before = Suspension(
        usage={"each[0]": Usage(calls=2), "each[1]": Usage(calls=3)},
        failures={"a": (_failed("a", 1), _failed("a", 2)), "each[1]": (_failed("each[1]", 1), None)},
    )

    assert by_task(before) == {"a": Usage(calls=2), "each": Usage(calls=5)}


def test_what_is_taken_up() -> None:
    """What is stored was paid by this run; what is gone is paid twice; what another run had done cost nothing."""
    before = Suspension(usage={"a": Usage(calls=1)})

    assert taken_up("a", _done("a", 1, cached=True), before) == _done("a", 1)
    assert taken_up("a", _done("a", 2), before) == _done("a", 3)
    assert taken_up("b", _done("b", 2, cached=True), before) == _done("b", 2, cached=True)
