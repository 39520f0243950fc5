"""What waits for what, in which order, and which graphs are refused."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.graph import PlanGraph, build_graph
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.testing.builders import make_plan


def graph_of(*tasks: dict[str, Any], **fields: Any) -> PlanGraph:
    """The graph of a plan of these tasks."""
    return build_graph(effective_plan(make_plan(*tasks, **fields)))


def task(task_id: str, **fields: Any) -> dict[str, Any]:
    """A task's fields."""
    return {"id": task_id, **fields}


DIAMOND = graph_of(
    task("a"),
    task("b", input="{{ tasks.a.output }}"),
    task("c", depends_on="a"),
    task("d", context=["{{ tasks.b.output }}"], after="c"),
)


@dataclass(frozen=True)
class Edge:
    id: str
    fields: dict[str, Any]
    needs: set[str]
    observes: set[str]
    after: set[str]


EDGES = [
    Edge("an input", {"input": {"x": ["{{ tasks.a.output }}"]}}, {"a"}, set(), set()),
    Edge("a description", {"description": "Sum up {{ tasks.a.output }}"}, {"a"}, set(), set()),
    Edge("a context", {"context": "{{ tasks.a.outputs }}"}, {"a"}, set(), set()),
    Edge("what to spread over", {"for_each": "{{ tasks.a.output }}"}, {"a"}, set(), set()),
    Edge("special instructions", {"special_instructions": "{{ tasks.a.output }}"}, {"a"}, set(), set()),
    Edge("depends_on", {"depends_on": ["a", "b"]}, {"a", "b"}, set(), set()),
    Edge("after", {"after": "a"}, set(), set(), {"a"}),
    Edge("a condition only observes", {"when": "{{ tasks.a.failed }}"}, set(), {"a"}, set()),
    Edge("a task may be there twice", {"when": "{{ tasks.a.failed }}", "depends_on": "a"}, {"a"}, {"a"}, set()),
]


@pytest.mark.parametrize("case", EDGES, ids=lambda case: case.id)
def test_edges(case: Edge) -> None:
    """Every field that can refer to a task makes the edge that it stands for."""  # D-01
    edges = graph_of(task("a"), task("b"), task("x", **case.fields)).edges["x"]

    assert (edges.needs, edges.observes, edges.after) == (case.needs, case.observes, case.after)
    assert edges.all == case.needs | case.observes | case.after


def test_reflection() -> None:
    """Order, edges, depth, fan-in, roots and leaves of a graph are as drawn on paper."""  # U-07
    assert DIAMOND.order == ("a", "b", "c", "d")
    assert DIAMOND.roots == ("a",)
    assert DIAMOND.leaves == ("d",)
    assert DIAMOND.depth == 3
    assert DIAMOND.fan_in == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert DIAMOND.dependents == {"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ()}
    assert str(DIAMOND.stats) == "4 tasks, 4 edges, depth 3, fan-in 2, fan-out 2; roots: a; leaves: d"


def test_critical_path() -> None:
    """The chain that takes longest, in order, with its seconds; what did not run takes none."""
    assert DIAMOND.critical_path({"a": 1, "b": 2, "c": 5, "d": 0.5}) == (("a", "c", "d"), 6.5)
    assert DIAMOND.critical_path({"a": 1}) == (("a",), 1)


def test_order_keeps_to_the_plan() -> None:
    """Among tasks that could come next the plan's order decides."""
    assert graph_of(task("z"), task("b", after="a"), task("a")).order == ("z", "a", "b")
    assert graph_of(task("b", after="a"), task("a"), task("z")).order == ("a", "b", "z")


def test_a_fallback_comes_after_what_it_stands_in_for() -> None:
    """A fallback is placed after the task that may call it, and is neither a root, a leaf nor a dependent."""
    graph = graph_of(
        task("spare", input="{{ tasks.main.error }}"),
        task("main", failure_policy={"timeout": {"fallback": "spare"}, "default": "abort"}),
        task("next", input="{{ tasks.main.output }}"),
    )

    assert graph.fallback_for == {"spare": ("main",)}
    assert graph.order == ("main", "spare", "next")
    assert (graph.roots, graph.leaves) == (("main",), ("next",))
    assert graph.dependents["main"] == ("next",)
    assert graph.edges["spare"].needs == frozenset()
    assert graph.edges["spare"].observes == {"main"}


def test_a_fallback_of_two_tasks_in_a_row() -> None:
    """One fallback may serve a task and, later, the task that follows it."""
    graph = graph_of(
        task("a", on_failure={"fallback": "spare"}),
        task("b", after="a", on_failure={"fallback": "spare"}),
        task("spare"),
    )

    assert graph.fallback_for == {"spare": ("a", "b")}


@dataclass(frozen=True)
class Refused:
    id: str
    tasks: tuple[dict[str, Any], ...]
    expected: str


FALLBACK = {"fallback": "f"}
CIRCLES = [
    Refused("a ring", (task("a", after="c"), task("b", after="a"), task("c", after="b")), "a -> c -> b -> a"),
    Refused("a task and itself", (task("a", depends_on="a"),), "a -> a"),
    Refused(
        "two rings",
        (task("a", after="b"), task("b", after="a"), task("c", after="d"), task("d", after="c")),
        "c -> d -> c",
    ),
    Refused("a condition", (task("a", when="{{ tasks.b.failed }}"), task("b", after="a")), "a -> b -> a"),
    Refused(
        "a fallback that needs what needs the failing task",
        (task("a", on_failure=FALLBACK), task("x", depends_on="a"), task("f", input="{{ tasks.x.output }}")),
        "a fallback could never run, since the tasks wait for each other: a -> f -> x -> a",
    ),
    Refused(
        "its own fallback in a condition",
        (task("a", on_failure=FALLBACK, when="{{ tasks.f.failed }}"), task("f")),
        "a -> f",
    ),
    Refused(
        "fallbacks of each other",
        (task("a", on_failure=FALLBACK), task("f", on_failure={"fallback": "a"})),
        "a -> f -> a",
    ),
    Refused(
        "crossed fallbacks",
        (
            task("a", on_failure=FALLBACK, after="g"),
            task("b", on_failure={"fallback": "g"}, after="f"),
            task("f"),
            task("g"),
        ),
        "a -> g -> b -> f -> a",
    ),
]


@pytest.mark.parametrize("case", CIRCLES, ids=lambda case: case.id)
def test_circles_are_named(case: Refused) -> None:
    """Tasks that would wait for each other for ever are refused, member by member."""  # D-01 U-01
    with pytest.raises(PlanInvalid) as caught:
        graph_of(*case.tasks)

    assert case.expected in str(caught.value)


def test_a_dangling_edge_is_refused() -> None:
    """An edge to a task that does not exist names both ends and a near name."""
    with pytest.raises(PlanInvalid, match=r"Task 'a' refers to 'serch', .* Did you mean 'search'\?"):
        graph_of(task("search"), task("a", after="serch"))


def test_a_plan_of_many_tasks_in_one_chain() -> None:
    """Depth is no problem: nothing in the graph recurses."""
    chain = graph_of(task("t0"), *(task(f"t{place}", after=f"t{place - 1}") for place in range(1, 3000)))

    assert chain.depth == 3000
    assert chain.critical_path(dict.fromkeys(chain.order, 1.0))[1] == 3000


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan whose tasks wait for earlier ones, written down in any order."""
    count = draw(st.integers(1, 12))
    tasks: list[dict[str, Any]] = []
    for place in range(count):
        earlier = st.sets(st.sampled_from([f"t{other}" for other in range(place)])) if place else st.just(set[str]())
        tasks.append(task(f"t{place}", after=sorted(draw(earlier)), depends_on=sorted(draw(earlier))))
    return make_plan(*draw(st.permutations(tasks)))


@given(plan=plans())
def test_order_is_topological(plan: Plan) -> None:
    """Every task stands after all that it waits for, every edge is found from both ends, and no task is lost."""
    graph = build_graph(effective_plan(plan))
    place = {name: index for index, name in enumerate(graph.order)}

    assert sorted(graph.order) == sorted(task.id for task in plan.tasks)
    for item in plan.tasks:
        assert graph.edges[item.id].all == {*item.after, *item.depends_on}
        assert all(place[other] < place[item.id] for other in graph.edges[item.id].all)
        assert all(item.id in graph.dependents[other] for other in graph.edges[item.id].all)
    assert sum(map(len, graph.dependents.values())) == graph.stats.edges


@given(plan=plans(), data=st.data())
def test_closing_a_chain_makes_a_circle(plan: Plan, data: st.DataObject) -> None:
    """Whatever the graph, an edge from a task back to one before it is refused, and the circle named contains it."""
    graph = build_graph(effective_plan(plan))
    late = data.draw(st.sampled_from(graph.order))
    earlier = {late}
    for name in reversed(graph.order):
        if any(name in graph.edges[other].all for other in earlier):
            earlier.add(name)
    early = data.draw(st.sampled_from(sorted(earlier)))
    closed = [
        item.model_copy(update={"after": (*item.after, late)}) if item.id == early else item for item in plan.tasks
    ]

    with pytest.raises(PlanInvalid, match=f"{early} -> {late}|{late} -> .*{early}"):
        build_graph(effective_plan(plan.model_copy(update={"tasks": tuple(closed)})))
