"""A plan drawn for people: Mermaid in pages, a tree in terminals."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.models.plan import Plan
from agentic_prefect.models.status import TaskStatus
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.mermaid import COLOURS, escaped, mermaid
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.testing.builders import make_plan

PLAN = make_plan(
    {"id": "find", "agent": "scout", "for_each": [1, 2]},
    {"id": "write", "input": "{{ tasks.find.outputs }}", "on_failure": {"fallback": "short"}},
    {"id": "short", "input": "{{ tasks.find.outputs }}"},
    {"id": "end", "kind": "function", "call": "m:f", "when": "{{ tasks.write.failed }}", "after": "find"},
    agents={"scout": {}},
)


def drawn(plan: Plan, **statuses: TaskStatus) -> str:
    """The flowchart of a plan."""
    full = effective_plan(plan)
    return mermaid(full, build_graph(full), statuses)


def test_flowchart() -> None:
    """Every task is a quoted node, every edge an arrow of its kind; a fallback's is dashed."""  # D-01
    assert drawn(PLAN) == (
        "flowchart TD\n"
        '    t_find[["find<br/>scout"]]\n'
        '    t_write["write"]\n'
        '    t_short(["short"])\n'
        '    t_end["end<br/>function"]\n'
        "    t_find --> t_write\n"
        "    t_find --> t_short\n"
        '    t_write -.->|"fallback"| t_short\n'
        '    t_find -.->|"after"| t_end\n'
        '    t_write -.->|"when"| t_end\n'
        "    linkStyle 2 stroke-dasharray:8 5\n"
    )


def test_colours() -> None:
    """Each state that occurs has a class with fill and text colour; who is not named is pending."""
    lines = drawn(PLAN, find=TaskStatus.COMPLETED, write=TaskStatus.FAILED).splitlines()

    assert "    classDef failed fill:#fecaca,color:#7f1d1d,stroke:#7f1d1d" in lines
    assert "    class t_write failed" in lines
    assert "    class t_short,t_end pending" in lines
    assert sum("classDef" in line for line in lines) == 3


def test_every_state_has_its_own_colours() -> None:
    """No state is left without colours, and no two look alike."""
    assert set(COLOURS) == set(TaskStatus)
    assert len(set(COLOURS.values())) == len(TaskStatus)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('say "hi"', "say #quot;hi#quot;"),
        ("a<b>c", "a#lt;b#gt;c"),
        ("#1", "#35;1"),
        ("#quot;", "#35;quot;"),
        ("`x`", "#96;x#96;"),
    ],
)
def test_escaped(text: str, expected: str) -> None:
    """What has a meaning within a label is written as an entity, the sign of entities first."""
    assert escaped(text) == expected


@given(name=st.text(min_size=1))
def test_no_name_breaks_the_drawing(name: str) -> None:
    """Whatever an agent is called, every line is one of the flowchart's own."""
    plan = make_plan({"id": "end", "agent": name}, agents={name: {}})
    lines = drawn(plan).split("\n")

    assert len(lines) == 3
    assert re.fullmatch(r'    t_end\["end(<br/>[^"<>`]*)?"\]', lines[1])


def test_a_long_name_is_cut() -> None:
    """A label stays readable."""
    fields: dict[str, Any] = {"id": "a", "agent": "x" * 500}

    assert "x" * 59 + "…" in drawn(make_plan(fields, agents={"x" * 500: {}}))
