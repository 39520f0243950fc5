"""A plan as a tree."""

from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.tree import Branch, PlanTree, tree
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.testing.builders import make_plan

PLAN = make_plan(
    {"id": "find", "agent": "scout", "for_each": [1, 2]},
    {"id": "rank", "after": "find"},
    {"id": "aside"},
    {"id": "write", "input": "{{ tasks.rank.output }}{{ tasks.find.outputs }}", "on_failure": {"fallback": "short"}},
    {"id": "short", "depends_on": "aside"},
    {"id": "end", "kind": "function", "call": "m:f", "when": "{{ tasks.aside.failed }}", "after": "write"},
    name="trip",
    agents={"scout": {}},
)


def test_text() -> None:
    """Every task stands once, under the last it waits for, with what is special about it."""
    plan = effective_plan(PLAN)

    assert str(tree(plan, build_graph(plan))) == (
        "trip\n"
        "├── find (scout)  [per item]\n"
        "│   └── rank\n"
        "│       └── write\n"
        "│           ├── short  [fallback for write; also after aside]\n"
        "│           └── end (function)  [when tasks.aside.failed; also after aside]\n"
        "└── aside\n"
    )


def test_structure() -> None:
    """The tree is data that others can draw."""
    plan = effective_plan(make_plan({"id": "a"}, {"id": "b", "after": "a"}))

    assert tree(plan, build_graph(plan)) == PlanTree("plan", (Branch("a", "", (), (Branch("b", ""),)),))


def test_a_long_chain() -> None:
    """Depth is no problem: drawing does not recurse."""
    chain = [{"id": "t0"}, *({"id": f"t{place}", "after": f"t{place - 1}"} for place in range(1, 1500))]
    plan = effective_plan(make_plan(*chain))

    assert str(tree(plan, build_graph(plan))).count("└── ") == 1500
