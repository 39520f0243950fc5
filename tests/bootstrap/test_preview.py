"""What can be seen of a plan before it runs."""

import sys
from pathlib import Path
from typing import Any

import pytest

from agentic_prefect.bootstrap import RunOptions, check, prompt_of
from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.load import load_plan
from agentic_prefect.testing.builders import make_plan

TRIP = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where to go"}},
    "required": ["city"],
}


def plan(**given: object) -> Plan:
    """A plan of one task with this input."""
    return make_plan({"id": "x", "description": "Go.", "input": given, "input_schema": TRIP})


def test_prompt_says_what_the_input_means() -> None:  # P-60
    """What a task's `input_schema` says about a field stands under its value."""
    text = prompt_of(plan(city="Rome"), "x", options=RunOptions(rehearse=True)).record.text

    assert text.endswith("## What the fields mean\n\n- `city` (string): Where to go")


SUB = """
name: sub-plan
inputs: {topic: {type: string}}
tasks: [{id: x, kind: function, call: "os:system"}]
"""


def test_everything_that_is_named_is_looked_up(tmp_path: Path) -> None:
    """Sub-plans by name, their inputs, and the packages of functions, models and checks; nothing is imported."""
    (tmp_path / "sub-plan.yaml").write_text(SUB)
    told = make_plan(
        {"id": "a", "kind": "function", "call": "os:system"},
        {"id": "b", "description": "B.", "output": {"model": "mypkg.mod:Thing"}},
        {"id": "c", "description": "C.", "checks": [{"function": "os:system"}]},
        {"id": "d", "kind": "plan", "plan": "no-such-plan.yaml"},
        {"id": "e", "kind": "plan", "plan": "sub-plan.yaml", "input": {"tpic": "tea"}},
    )
    problems = check(told, RunOptions(rehearse=True, base_dir=tmp_path))
    by_path = {problem.path: problem.message for problem in problems}

    assert set(by_path) == {
        "task a: call",
        "task b: output",
        "task c: checks",
        "task d: plan",
        "task e: input",
        "task e: plan: task x: call",
    }
    assert len(problems) == 7  # of `e` both the input that is missing and the one that is too many
    assert by_path["task a: call"].startswith("A plan may not name 'os:system': allowed packages are")
    assert "There is no plan file 'no-such-plan.yaml'" in by_path["task d: plan"]
    assert "mypkg" not in sys.modules


def test_a_plan_that_names_itself_is_looked_up_once(tmp_path: Path) -> None:
    """It may end by a condition."""
    (tmp_path / "turn.yaml").write_text("name: turn\ntasks: [{id: t, kind: plan, plan: turn.yaml, when: false}]\n")

    assert check(load_plan((tmp_path / "turn.yaml").read_text()), RunOptions(rehearse=True, base_dir=tmp_path)) == ()


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ({"kind": "function", "call": "agentic_prefect.examples.triage:nope"}, "has no public 'nope'"),
        ({"kind": "function", "call": "agentic_prefect.examples.nowhere:f"}, "cannot be imported"),
        ({"description": "A.", "output": {"model": "agentic_prefect.examples.triage:Nope"}}, "has no public 'Nope'"),
        ({"description": "A.", "checks": [{"function": "agentic_prefect.examples.triage:no"}]}, "has no public 'no'"),
    ],
)
def test_what_a_run_would_import_is_told_before_it(task: dict[str, Any], told: str) -> None:
    """A function or model that is not there keeps the plan from running; a check alone imports nothing."""
    found = make_plan({"id": "a", **task})
    options = RunOptions(rehearse=True)

    assert [told in problem.message for problem in check(found, options, importing=True)] == [True]
    assert check(found, options) == ()


def test_a_module_that_is_broken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it raises; the check itself goes on."""
    (tmp_path / "broken_on_import.py").write_text("int('x')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_ALLOWED_PACKAGES", '["broken_on_import"]')
    told = make_plan({"id": "a", "kind": "function", "call": "broken_on_import:f"})

    (problem,) = check(told, RunOptions(rehearse=True), importing=True)

    assert problem.path == "task a: call"
    assert "its module raised ValueError: " in problem.message


def test_a_fault_that_would_hit_nothing_is_refused(tmp_path: Path) -> None:
    """A task of a sub-plan may be meant, too."""
    (tmp_path / "sub-plan.yaml").write_text("name: s\ntasks: [{id: inner, description: I}]\n")
    told = make_plan({"id": "search", "description": "S."}, {"id": "e", "kind": "plan", "plan": "sub-plan.yaml"})
    faults = ("serch:429", "search:429x2", "search[0]:429", "inner:503")
    (problem,) = check(told, RunOptions(rehearse=True, faults=faults, base_dir=tmp_path))

    assert str(problem) == "fault serch:429: there is no task 'serch'. Did you mean 'search'?"


def test_input_that_does_not_fit_its_schema_is_refused() -> None:
    """Before anything is sent, with the task, the field and the reason."""
    with pytest.raises(PlanInvalid, match=r"input of task 'x' does not fit its `input_schema`: .*'city' is a required"):
        prompt_of(plan(town="Rome"), "x", options=RunOptions(rehearse=True))


def test_context_is_shown_as_the_plan_says() -> None:  # P-04, P-31
    """Source, trust and priority of each text, and the rules for all; what tasks put out is data unless it is said."""
    facts = {"text": "{{ tasks.find.output }}", "priority": 9}
    note = {"text": "See {{ inputs.topic }}.", "source": "the style guide", "priority": 1}
    told = make_plan(
        {"id": "find", "description": "Find."},
        {"id": "x", "description": "Go.", "context": [facts, note, "plain"], "context_rules": {"order": "priority"}},
        inputs={"topic": {"type": "string", "default": "tea"}},
        defaults={"context": "A plan-level note."},
    )
    text = prompt_of(told, "x", options=RunOptions(rehearse=True)).record.text
    places = [
        text.find(words)
        for words in ("Data from task find, to", "A plan-level note.", "plain", "From the style guide:\nSee tea.")
    ]

    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("written", "said"),
    [({"text": "x", "priorty": 3}, "priorty"), ({"source": "x"}, "text"), ({"text": "x", "priority": 10}, "priority")],
)
def test_odd_context_is_refused(written: dict[str, object], said: str) -> None:
    """With the field that is wrong."""
    with pytest.raises(ValueError, match=said):
        make_plan({"id": "x", "description": "x", "context": [written]})
