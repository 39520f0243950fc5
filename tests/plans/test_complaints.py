"""What does not fit the model, in the words of a plan."""

from dataclasses import dataclass

import pytest

from agentic_prefect.plans.load import load_plan
from agentic_prefect.plans.problems import PlanProblems


@dataclass(frozen=True)
class Case:
    id: str
    text: str
    expected: tuple[str, ...]


def tasks(yaml: str) -> str:
    """A plan with this task."""
    return f"name: p\ntasks:\n  - {yaml}"


CASES = [
    Case(
        "a bad name",
        "name: My plan\ntasks: [{id: a}]",
        ("line 1: name: 'My plan' cannot be a name. It needs small letters",),
    ),
    Case("a bad id", tasks("id: my-task"), ("line 3: task my-task: id: 'my-task' cannot be an id",)),
    Case(
        "an unknown field",
        tasks("{id: a, descripton: x}"),
        ("line 3: task a: unknown field 'descripton'. Did you mean 'description'?",),
    ),
    Case("a field of other tools", tasks("{id: a, needs: b}"), ("unknown field 'needs'. Did you mean 'depends_on'?",)),
    Case("a field of agents", tasks("{id: a, tools: [x]}"), ("'capabilities' is a field of an agent",)),
    Case(
        "a field at the top",
        "name: p\ndefualts: {}\ntasks: [{id: a}]",
        ("line 2: unknown field 'defualts'. Did you mean 'defaults'?",),
    ),
    Case(
        "a field of an agent",
        "name: p\nagents: {w: {rol: x}}\ntasks: [{id: a}]",
        ("agent w: unknown field 'rol'. Did you mean 'role'?",),
    ),
    Case(
        "an agent that is nothing",
        "name: p\nagents: {w: }\ntasks: [{id: a}]",
        ("agent w: should be a mapping, got nothing (null)",),
    ),
    Case(
        "a limit below its least",
        tasks("{id: a, retries: -1}"),
        ("task a: retries: should be greater than or equal to 0, got -1",),
    ),
    Case(
        "a time of no seconds", tasks("{id: a, timeout_s: 0}"), ("task a: timeout_s: should be greater than 0, got 0",)
    ),
    Case(
        "a number that is none",
        tasks("{id: a, budget: {wal_s: 9}}"),
        ("task a: budget: unknown field 'wal_s'", "Did you mean 'wall_s'?"),
    ),
    Case(
        "a wrong limit",
        tasks("{id: a, budget: {usd: much}}"),
        ("task a: budget.usd: should be a number", "got 'much'"),
    ),
    Case(
        "an unknown action",
        tasks("{id: a, on_failure: abrt}"),
        ("task a: on_failure: there is no 'abrt'. Did you mean 'abort'?",),
    ),
    Case(
        "a broken action",
        tasks("{id: a, on_failure: {falback: [b]}}"),
        ("on_failure: got {'falback': ['b']}. Write one of: skip_dependents",),
    ),
    Case(
        "an empty chain",
        tasks("{id: a, on_failure: {fallback: []}}"),
        ("on_failure.fallback: needs at least 1, got []",),
    ),
    Case(
        "an unknown error code",
        tasks("{id: a, failure_policy: {timeot: abort}}"),
        ("failure_policy: there is no error code 'timeot'. Did you mean 'timeout'?",),
    ),
    Case(
        "an unknown field of a rule",
        tasks("{id: a, failure_policy: {timeout: {retri: 1}}}"),
        ("failure_policy.timeout: unknown field 'retri'. Did you mean 'retry'?",),
    ),
    Case(
        "an unknown code to retry on",
        tasks("{id: a, retry: {on: [timeot]}}"),
        ("retry.on[0]: should be", "Did you mean 'timeout'?"),
    ),
    Case(
        "either of two types",
        tasks("{id: a, output: 5}"),
        ("task a: output: should be text or should be a mapping, got 5",),
    ),
    Case("a task that is none", "name: p\ntasks: [5]", ("tasks[0]: should be a mapping, got 5",)),
    Case("a task without an id", tasks("description: x"), ("tasks[0]: the field 'id' is missing",)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_faults(case: Case) -> None:
    """A field that is wrong is named with its place, what was wrong and what was meant."""  # U-01
    with pytest.raises(PlanProblems) as caught:
        load_plan(case.text, source="p.yaml")

    assert str(caught.value).startswith("p.yaml")
    for expected in case.expected:
        assert expected in str(caught.value)
    assert len(caught.value.problems) == 1


def test_all_problems_at_once() -> None:
    """Problems in different places are reported together, in the order of their lines."""  # U-01
    text = "name: P!\nmax_concurrency: 0\ntasks:\n  - {id: 1a, retries: x}\n  - {id: b, on_failure: no}\nresults: x\n"
    with pytest.raises(PlanProblems) as caught:
        load_plan(text)

    assert [problem.line for problem in caught.value.problems] == [1, 2, 4, 4, 5, 6]
    assert str(caught.value).startswith("<plan> has 6 problems:\n  - line 1: name: ")


def test_json_lines_are_known() -> None:
    """A fault in a JSON plan has its line, too."""
    with pytest.raises(PlanProblems, match="line 4: task a: unknown field 'retris'"):
        load_plan('{\n"name": "p",\n"tasks": [\n{"id": "a", "retris": 1}]}', source="p.json")
