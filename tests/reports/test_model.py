"""The report holds what the result says, and of a running plan what there is so far."""

from decimal import Decimal

from agentic_prefect.models.events import PlanStarted, TaskOutputAvailable, TaskRetrying, TaskStatusChanged
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.status import PlanStatus, TaskStatus
from agentic_prefect.models.usage import Usage
from agentic_prefect.reports.live import LiveRun
from agentic_prefect.reports.model import Reused, report_of
from tests.reports.samples import PLAN, RESULT, RESULTS, at, done, error


def test_a_finished_plan_is_told_as_its_result_says() -> None:
    """Status, counts and sums equal the result's; rows stand in the plan's order, items after their task."""  # L-11
    page = report_of(PLAN, RESULT)

    assert (page.title, page.run_id, page.status, page.reason) == ("trip-research", "run-1", PlanStatus.COMPLETED, "")
    assert page.counts == RESULT.counts
    assert (page.total, page.settled) == (5, 5)
    assert (page.usage, page.elapsed_s, page.url, page.output) == (RESULT.usage, 125.0, RESULT.url, RESULT.output)
    assert [row.id for row in page.tasks] == list(RESULTS)
    assert page.models == ("gpt-small", "local-model")


def test_per_task_figures_are_the_tasks_own() -> None:
    """Each row has its task's tokens, cost and time, and a fan-out those of its items together."""  # L-33
    rows = {row.id: row for row in report_of(PLAN, RESULT).tasks}

    items = [rows["search[0]"], rows["search[1]"]]
    assert rows["search"].usage.total_tokens == sum(item.usage.total_tokens for item in items) == 2000
    assert (rows["write"].usage.cost_usd, rows["write_short"].usage.cost_usd) == (Decimal("0.0042"), None)
    assert (rows["write"].elapsed_s, rows["translate"].elapsed_s) == (2.5, None)


def test_what_was_not_paid_again_is_no_part_of_the_sum() -> None:
    """Stored results are counted with what they had cost, a fan-out by its items; nothing stored, nothing told."""
    stored = {
        **RESULTS,
        "search": RESULTS["search"].model_copy(update={"cached": True}),
        "search[0]": RESULTS["search[0]"].model_copy(update={"cached": True}),
        "search[1]": RESULTS["search[1]"].model_copy(update={"cached": True}),
    }

    page, again = report_of(PLAN, RESULT), report_of(PLAN, stored)

    assert page.reused == Reused(results=1, usage=RESULTS["plan_searches"].usage)
    assert again.reused.results == 3
    assert again.reused.usage.total_tokens == 390 + 2000
    assert again.usage.total_tokens == page.usage.total_tokens - 2000
    assert report_of(PLAN, {}).reused == Reused(results=0, usage=Usage())


def test_a_failure_keeps_every_attempt() -> None:
    """A failed task has its error and, per attempt, error, duration, prompt, model and tokens."""  # F-40
    row = next(row for row in report_of(PLAN, RESULT).tasks if row.id == "write")

    first, second = row.failures
    assert row.why.startswith("max_retries_exceeded: All 2 attempts failed.")
    assert (first.attempt, first.code, first.elapsed_s, first.timeout_s) == (1, "rate_limit", 0.25, 30.0)
    assert (first.model, first.prompt) == ("gpt-small", "agent/default@1.2.0")
    assert first.usage == Usage(input_tokens=100, output_tokens=7, calls=1)
    assert (second.attempt, second.message) == (2, "Again <script>alert(1)</script> ![x](http://x.test/y)")


def test_relations_are_told_both_ways() -> None:
    """The failed task names its fallback, the fallback whom it serves, a fan-out the number of its items."""
    relations = {row.id: row.relation for row in report_of(PLAN, RESULT).tasks if row.relation}

    assert relations == {
        "search": "2 items",
        "write": "fell back to write_short",
        "write_short": "stands in for write",
    }


def _moved(task_id: str, new: TaskStatus, seconds: float) -> TaskStatusChanged:
    return TaskStatusChanged(
        at=at(seconds),
        plan="trip-research",
        run_id="run-1",
        task_id=task_id,
        old=TaskStatus.PENDING,
        new=new,
        attempt=1,
    )


def test_a_running_plan_is_told_from_results_and_events() -> None:
    """What has a result shows it, what runs shows its time so far, the rest is pending; the sum is what was paid."""
    live = LiveRun()
    place = {"at": at(0), "plan": "trip-research", "run_id": "run-1"}
    live.hear(PlanStarted.model_validate({**place, "tasks": 5}))
    live.hear(_moved("search", TaskStatus.IN_PROGRESS, 1))
    live.hear(_moved("search[1]", TaskStatus.COMPLETED, 2))
    live.hear(
        TaskOutputAvailable.model_validate(
            {**place, "task_id": "search[1]", "attempts": 1, "usage": {"input_tokens": 5, "calls": 1}, "elapsed_s": 1.0}
            | {"model": "m", "preview": "Sun"}
        )
    )
    results = {
        "plan_searches": done("plan_searches", "x", usage={"input_tokens": 10, "calls": 1}),
        "search[0]": done("search[0]", "y", usage={"input_tokens": 900, "calls": 1}, cached=True),
    }

    page = report_of(PLAN, results, live=live, now=at(4))

    rows = {row.id: row for row in page.tasks}
    assert list(rows) == ["plan_searches", "search", "search[0]", "search[1]", "write", "write_short", "translate"]
    assert (page.status, page.output, page.elapsed_s, page.run_id) == (None, None, 4.0, "run-1")
    assert (rows["search"].status, rows["search"].elapsed_s) == (TaskStatus.IN_PROGRESS, 3.0)
    assert (rows["search[1]"].status, rows["search[1]"].preview) == (TaskStatus.COMPLETED, "Sun")
    assert rows["write"].status is TaskStatus.PENDING
    assert page.usage == Usage(input_tokens=15, calls=2)
    assert (page.total, page.settled) == (5, 1)


def test_a_success_after_retries_tells_of_them() -> None:
    """The result of a success has no errors; the events still know why it took two attempts."""  # F-40
    live = LiveRun()
    live.hear(TaskRetrying(at=at(1), plan="p", run_id="r", task_id="write", attempt=1, error=error(1), delay_s=1.0))

    page = report_of(PLAN, {"write": done("write", attempts=2)}, live=live)

    assert [(row.id, len(row.failures)) for row in page.troubled] == [("write", 1)]


def test_a_plan_of_a_thousand_items_keeps_their_order() -> None:
    """Items stand in the order of their index, not of their names."""
    plan = Plan.model_validate({"name": "wide", "tasks": [{"id": "a", "for_each": [1]}]})
    results = {f"a[{index}]": done(f"a[{index}]") for index in (10, 9, 100, 2)}

    page = report_of(plan, results)

    assert [row.id for row in page.tasks] == ["a", "a[2]", "a[9]", "a[10]", "a[100]"]


def test_the_graph_comes_along() -> None:
    """The source of the drawing names every task."""
    source = report_of(PLAN, RESULT).mermaid

    assert source.startswith("flowchart")
    assert all(task.id in source for task in PLAN.tasks)


def test_a_result_and_its_parts_give_the_same_rows() -> None:
    """It makes no difference whether the whole result is given or only the tasks' results."""
    whole, parts = report_of(PLAN, RESULT), report_of(PLAN, RESULTS)

    assert whole.tasks == parts.tasks
    assert isinstance(RESULT, PlanResult)
