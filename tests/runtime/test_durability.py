"""Runs that go on from others: nothing is done and paid twice."""

from typing import Any

import pytest
from prefect import flow
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, temporary_settings

from agentic_prefect.errors import Refused, ServerFault
from agentic_prefect.models.result import PlanResult
from agentic_prefect.models.run_record import RunRecord
from agentic_prefect.models.status import PlanStatus
from agentic_prefect.ports import Work
from agentic_prefect.testing.builders import make_plan
from tests.runtime.conftest import Bench, states_of, task_runs

pytestmark = [pytest.mark.prefect]

CHAIN = make_plan(
    {"id": "a"},
    {"id": "b", "input": "{{ tasks.a.output }}"},
    {"id": "c", "input": "{{ tasks.b.output }}"},
    {"id": "alone"},
)


def going_on_from(result: PlanResult, **renewed: str) -> RunRecord:
    """The record of a run that goes on from one."""
    return RunRecord(lineage=result.run_id, renewed=renewed)


async def refuse(_: Work) -> Any:
    """Fail."""
    raise Refused("no")


async def answer(_: Work) -> Any:
    """Succeed."""
    return "fine"


async def test_only_what_is_unfinished_is_done(bench: Bench) -> None:
    """What the first run finished is Cached in the second, costs nothing, and its output is there."""
    # F-44 A-56 U-05
    first = await bench.run(CHAIN, b=refuse)
    bench.kind.calls.clear()
    second = await bench.run(CHAIN, record=going_on_from(first), b=answer)
    runs = await task_runs(second.run_id, 4)

    assert (first.status, second.status) == (PlanStatus.PARTIAL_FAILURE, PlanStatus.COMPLETED)
    assert bench.kind.calls == ["b", "c"]
    assert {name for name, each in second.results.items() if each.cached} == {"a", "alone"}
    assert second.results["a"].output == "a"
    assert await states_of(runs["a"], "Cached")


async def test_a_run_without_an_earlier_one_takes_nothing_over(bench: Bench) -> None:
    """The same plan with the same inputs is new work."""
    await bench.run(CHAIN)
    again = await bench.run(CHAIN)

    assert not any(each.cached for each in again.results.values())
    assert len(bench.kind.calls) == 8


async def test_an_edited_task_and_what_its_output_changes_are_done_again(bench: Bench) -> None:
    """The rest is taken over; a task whose input comes out the same is, too."""
    first = await bench.run(CHAIN)
    bench.kind.calls.clear()
    tasks = [task.model_dump(exclude_unset=True) for task in CHAIN.tasks]
    edited = make_plan(tasks[0], {**tasks[1], "description": "Do it better."}, *tasks[2:])

    async def other(work: Work) -> str:
        return f"other {work.task_id}"

    second = await bench.run(edited, record=going_on_from(first), b=other)
    third = await bench.run(edited, record=RunRecord(lineage=first.run_id))
    assert bench.kind.calls == ["b", "c"]
    assert second.results["c"].output == "c"
    assert all(each.cached for each in third.results.values())


async def test_a_part_is_done_again(bench: Bench) -> None:
    """From a point on everything is new, even what would come out the same, and stays so for those that follow."""
    first = await bench.run(CHAIN)
    bench.kind.calls.clear()
    second = await bench.run(CHAIN, record=going_on_from(first, b=""), c=refuse)
    between = list(bench.kind.calls)
    since = RunRecord(lineage=first.run_id, renewed={"b": ""}).seen_from_outside(second.run_id)
    await bench.run(CHAIN, record=since, c=answer)

    assert between == ["b", "c"]
    assert bench.kind.calls == ["b", "c", "c"]


async def test_finished_items_of_a_fan_out_are_taken_over(bench: Bench) -> None:
    """Of three items one failed; it alone is done again."""
    plan = make_plan({"id": "each", "for_each": [1, 2, 3], "input": "{{ item }}"}, {"id": "end", "after": ["each"]})
    bench.kind.behaviours = {"each[1]": refuse}
    first = await bench.run(plan)
    bench.kind.calls.clear()
    bench.kind.behaviours = {"each[1]": answer}
    second = await bench.run(plan, record=going_on_from(first))

    assert bench.kind.calls == ["each[1]"]
    assert second.results["each"].output == ["each[0]", "fine", "each[2]"]


async def test_the_finished_tasks_of_a_sub_plan_are_taken_over(bench: Bench) -> None:
    """A sub-plan that failed halfway goes on where it ended, in a subflow of the new run."""
    inner = {"name": "inner", "tasks": [{"id": "one"}, {"id": "two", "depends_on": ["one"]}]}
    plan = make_plan({"id": "sub", "kind": "plan", "plan": inner})
    first = await bench.run(plan, two=refuse)
    bench.kind.calls.clear()
    second = await bench.run(plan, record=going_on_from(first), two=answer)

    assert (first.status, second.status) == (PlanStatus.FAILED, PlanStatus.COMPLETED)
    assert bench.kind.calls == ["two"]


async def test_a_failure_is_never_taken_over(bench: Bench) -> None:
    """Neither is a failed attempt before a success, nor a final failure."""
    plan = make_plan({"id": "x", "retries": 1, "retry": {"base_s": 0.01, "jitter_ratio": 0}})

    async def fail(_: Work) -> Any:
        raise ServerFault("down")

    first = await bench.run(plan, x=fail)
    second = await bench.run(plan, record=going_on_from(first), x=answer)

    assert bench.kind.calls == ["x", "x", "x"]
    assert (second.output, second.results["x"].cached) == ("fine", False)


async def test_a_plan_in_a_flow_of_ones_own_goes_on_when_the_flow_is_retried(bench: Bench) -> None:
    """The lineage is the flow run's; a second run of the same plan in it is a second run, retried or not."""
    calls: list[int] = []

    @flow(retries=1, retry_delay_seconds=0, persist_result=False)
    async def own() -> list[PlanResult]:
        results = [await bench.run(CHAIN), await bench.run(CHAIN)]
        calls.append(len(bench.kind.calls))
        if len(calls) == 1:
            raise ValueError("after the plans")
        return results

    first, second = await own()

    assert calls == [8, 8]
    assert first.run_id != second.run_id


async def test_results_lie_where_prefect_is_told_to_keep_them(
    bench: Bench, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storage is Prefect's own setting: a folder here, any storage block by `PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK`."""
    block: Any = LocalFileSystem(basepath=str(tmp_path / "kept"))
    await block.save("kept-here", overwrite=True)
    with temporary_settings({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: "local-file-system/kept-here"}):
        first = await bench.run(CHAIN, b=refuse)
        kept = {path.name for path in (tmp_path / "kept").rglob("*") if path.is_file()}
        bench.kind.calls.clear()
        await bench.run(CHAIN, record=going_on_from(first), b=answer)

    assert len(kept) >= 2
    assert bench.kind.calls == ["b", "c"]
