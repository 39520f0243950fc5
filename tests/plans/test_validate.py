"""Everything that can be known to be wrong with a plan before it runs, at once."""

import time

import pytest

from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.load import dump_plan, load_plan
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.plans.validate import check_plan, validate_plan
from agentic_prefect.plans.validation.subject import Known
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.testing.builders import make_plan
from tests.plans.validation.cases import SEARCHES, A, Case, plan_of, task

FINE = [
    Case("a path in a closed schema", (A, task("b", input="{{ tasks.a.output.searches[0].query }}")), ""),
    Case("a path in an open object", (A, task("b", input="{{ tasks.a.output.extra.any.thing }}")), ""),
    Case("a default for what may be missing", (A, task("b", input="{{ tasks.a.output.serches | default([]) }}")), ""),
    Case(
        "a path in what a function gives",
        (task("f", kind="function", call="m:f"), task("b", input="{{ tasks.f.output.x }}")),
        "",
    ),
    Case(
        "a fallback that looks at the failure",
        (task("a", on_failure={"fallback": "f"}), task("f", input="{{ tasks.a.error.message }}")),
        "",
    ),
    Case("a fallback named nowhere", (task("f"), task("a", after="f")), ""),
    Case("fallbacks in the defaults", (task("a"), task("f")), "", {"defaults": {"on_failure": {"fallback": ["f"]}}}),
    Case(
        "items of one output",
        (A, task("b", for_each="{{ tasks.a.output.searches }}", input="{{ item.query }}{{ index }}")),
        "",
    ),
    Case("a condition that is a truth", (task("a", when=False),), ""),
    Case(
        "a fan-out over a filter's list",
        (A, task("b", for_each="{{ tasks.a.output.searches[:3] }}", description="{{ item.query }}")),
        "",
    ),
    Case("a plan's own connection", (task("a", model="mine/x"),), "", {"models": {"mine": {}}}, Known(connections=())),
    Case("an agent of elsewhere", (task("a", agent="w"),), "", known=Known(agents={"w"})),
    Case("names that nobody can know", (task("a", prompt="x", checks=["y"], output="z", model="a/b", kind="c"),), ""),
    Case(
        "a whole sub-plan",
        (
            task(
                "a",
                kind="plan",
                input={"q": 1},
                plan={"name": "s", "inputs": {"q": {}}, "tasks": [{"id": "x", "description": "y"}]},
            ),
        ),
        "",
    ),
]


@pytest.mark.parametrize("case", FINE, ids=lambda case: case.id)
def test_nothing_to_complain_about(case: Case) -> None:
    """What is right is not complained about."""
    assert validate_plan(plan_of(case), known=case.known) == ()


def test_all_problems_at_once() -> None:
    """Faults of every family are reported together."""  # U-01
    plan = make_plan(
        task("a", agent="x", after="b", description="{{ inputs.q }}"), task("b", after="a", kind="function"), task("b")
    )
    with pytest.raises(PlanProblems) as caught:
        check_plan(plan, source="p.yaml")
    text = str(caught.value)

    assert text.startswith("p.yaml has 5 problems:\n")
    for expected in ("2 tasks have the id 'b'", "no agent 'x'", "needs `call`", "no input 'q'", "a -> b -> a"):
        assert expected in text


def test_a_thousand_tasks() -> None:
    """Loading, validating and ordering a plan of 1,000 tasks takes seconds at most, on a busy machine, too."""
    tasks = [task("t0", output=SEARCHES)] + [
        task(
            f"t{place}",
            description=f"Step {place} of {{{{ inputs.q }}}}",
            input={"notes": f"{{{{ tasks.t{place - 1}.output.searches }}}}"},
            output={**SEARCHES, "title": f"Step{place}"},
        )
        for place in range(1, 1000)
    ]
    text = dump_plan(make_plan(*tasks, inputs={"q": {"type": "string"}}))
    started = time.process_time()
    plan = load_plan(text)
    problems = check_plan(plan)
    depth = build_graph(effective_plan(plan)).depth

    assert (problems, depth) == ((), 1000)
    assert time.process_time() - started < 10
