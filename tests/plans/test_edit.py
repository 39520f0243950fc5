"""Changes to a plan before it runs."""

import pytest

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.plans.edit import add_task, remove_task, rewire
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.testing.builders import make_plan, make_task

PLAN = make_plan(
    {"id": "a"}, {"id": "b", "depends_on": "a"}, {"id": "c", "after": "b"}, {"id": "d", "input": "{{ tasks.a.output }}"}
)


def test_add() -> None:
    """A new task waits for what it says and is needed by those named; the old plan stays as it was."""  # U-07
    changed = add_task(PLAN, make_task("x", after="a"), before=["c"])
    graph = build_graph(effective_plan(changed))

    assert graph.edges["x"].all == {"a"}
    assert graph.edges["c"].needs == {"x"}
    assert [task.id for task in PLAN.tasks] == ["a", "b", "c", "d"]


def test_remove() -> None:
    """Those that waited for a removed task wait for what it waited for."""  # U-07
    changed = remove_task(PLAN, "b")

    assert [task.id for task in changed.tasks] == ["a", "c", "d"]
    assert changed.task("c").after == ("a",)


def test_rewire() -> None:
    """Edges are replaced, and those that expressions make stay."""  # U-07
    changed = rewire(PLAN, "d", depends_on=["c"], after=[])

    assert build_graph(effective_plan(changed)).edges["d"].all == {"a", "c"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: add_task(PLAN, make_task("a")), "has a task 'a' already"),
        (lambda: add_task(PLAN, make_task("x"), before=["z"]), "has no task 'z'. It has: a, b, c, d"),
        (lambda: add_task(PLAN, make_task("x", after="c"), before=["a"]), "wait for each other in a circle"),
        (lambda: remove_task(PLAN, "z"), "has no task 'z'"),
        (lambda: remove_task(PLAN, "a"), "'a' cannot be removed: it is used by d."),
        (lambda: remove_task(make_plan({"id": "a"}), "a"), "is the only one"),
        (
            lambda: remove_task(make_plan({"id": "a"}, {"id": "b"}, result="{{ tasks.a.output }}"), "a"),
            "the plan's result",
        ),
        (lambda: remove_task(make_plan({"id": "a", "on_failure": {"fallback": "b"}}, {"id": "b"}), "b"), "used by a"),
        (lambda: rewire(PLAN, "a", depends_on=["c"]), "a -> c -> b -> a"),
        (lambda: rewire(PLAN, "z", after=["a"]), "cannot have the edge a -> z: it has the tasks a, b, c, d"),
        (lambda: rewire(PLAN, "a", after=["z"]), "cannot have the edge z -> a"),
    ],
)
def test_refused(change, message: str) -> None:  # pyright: ignore[reportUnknownParameterType, reportMissingParameterType]
    """A change that leaves no plan that can run says what stands in its way."""
    with pytest.raises(PlanInvalid) as caught:
        change()

    assert message in str(caught.value)
