"""Whose finished work the tasks of a run may take over."""

import pytest

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.run_record import RunRecord
from agentic_prefect.plans.graph import PlanGraph, build_graph
from agentic_prefect.plans.lineage import after, lineage_of, require_point
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.testing import make_plan


@pytest.fixture
def graph() -> PlanGraph:
    """The chain a -> b -> c, b falls back on d, e stands alone, f is spread over a's output."""
    plan = make_plan(
        {"id": "a"},
        {"id": "b", "depends_on": ["a"], "on_failure": {"fallback": ["d"]}},
        {"id": "c", "input": "{{ tasks.b.output }}"},
        {"id": "d"},
        {"id": "e"},
        {"id": "f", "for_each": "{{ tasks.a.output }}"},
        {"id": "g", "after": ["f"]},
    )
    return build_graph(effective_plan(plan))


@pytest.mark.parametrize(
    ("task", "expected"),
    [("a", "b c d f g"), ("b", "c d"), ("d", "c"), ("c", ""), ("e", ""), ("f", "g")],
)
def test_what_comes_after(graph: PlanGraph, task: str, expected: str) -> None:
    """What waits for a task, what waits for what it stands in for, and its fallbacks."""
    assert sorted(after(task, graph)) == expected.split()


def test_only_what_was_done_anew_has_another_lineage(graph: PlanGraph) -> None:
    """A later point goes before an earlier one, and a point that is gone says nothing."""
    lineage = lineage_of("first", {"b": "second", "gone": "x", "c": "third"}, graph)

    assert {name: lineage.of(name) for name in "abcde"} == {
        "a": "first", "b": "second", "c": "third", "d": "second", "e": "first",
    }  # fmt: skip


def test_one_item_is_done_anew(graph: PlanGraph) -> None:
    """Of a fan-out one item can be done again, and with it what comes after."""
    lineage = lineage_of("first", {"f[1]": "second"}, graph)

    assert [lineage.of(name) for name in ("f[0]", "f[1]", "f", "g")] == ["first", "second", "first", "second"]


def test_an_unknown_point_is_refused(graph: PlanGraph) -> None:
    """With what the plan has."""
    require_point("f[3]", graph)
    with pytest.raises(PlanInvalid, match=r"no task 'bb'\. Did you mean 'b'\?"):
        require_point("bb", graph)


def test_a_record_names_itself_to_others() -> None:
    """Inside of a run its own id is left out; outside it is filled in."""
    record = RunRecord(renewed={"a": "r1", "b": ""})

    assert record.seen_from_outside("r2") == RunRecord(lineage="r2", renewed={"a": "r1", "b": "r2"})
    assert RunRecord(lineage="r1").seen_from_outside("r2").lineage == "r1"
