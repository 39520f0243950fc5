"""What expressions refer to, without evaluating them."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.plans.expressions import (
    ExpressionError,
    References,
    Scope,
    TaskView,
    evaluate,
    is_expression,
    plain_path,
    problems_in,
    references,
)
from agentic_prefect.plans.expressions.reading import _read_fully, _read_plainly  # pyright: ignore[reportPrivateUsage]


@dataclass(frozen=True)
class Case:
    id: str
    value: Any
    tasks: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    inputs: set[tuple[str, ...]] = field(default_factory=set)
    item_paths: set[tuple[str, ...]] = field(default_factory=set)
    index: bool = False
    unknown: set[str] = field(default_factory=set)


CASES = [
    Case("plain text refers to nothing", "tasks.a.output"),
    Case("a path", "{{ tasks.a.output.searches[0].query }}", {"a": {("output", "searches", "0", "query")}}),
    Case("brackets are dots", "{{ tasks['a']['output'] }}", {"a": {("output",)}}),
    Case("the task as a whole", "{{ tasks.a }}", {"a": {()}}),
    Case("an input", "{{ inputs.q.x }}", inputs={("q", "x")}),
    Case("all inputs", "{{ inputs | length }}", inputs={()}),
    Case("the item", "{{ item.q }} {{ index }}", item_paths={("q",)}, index=True),
    Case("the whole item", "{{ item }}", item_paths={()}),
    Case(
        "nested values",
        {"x": ["{{ tasks.a.output }}", {"y": "{{ tasks.b.status }}"}]},
        {"a": {("output",)}, "b": {("status",)}},
    ),
    Case(
        "within filters",
        "{{ tasks.a.outputs | map(attribute='q') | join(inputs.sep) }}",
        {"a": {("outputs",)}},
        {("sep",)},
    ),
    Case("within tests", "{{ tasks.a.output.n is divisibleby(inputs.k) }}", {"a": {("output", "n")}}, {("k",)}),
    Case("a computed key ends the path", "{{ tasks.a.output[inputs.k].x }}", {"a": {("output",)}}, {("k",)}),
    Case("a slice ends the path", "{{ tasks.a.output.l[inputs.k:].x }}", {"a": {("output", "l")}}, {("k",)}),
    Case("a negative index", "{{ tasks.a.outputs[-1] }}", {"a": {("outputs", "-1")}}),
    Case(
        "with a default the last part may be missing",
        "{{ tasks.a.output.x | default(tasks.b.output) }}",
        {"a": {("output",)}, "b": {("output",)}},
    ),
    Case("so with a test for it", "{{ tasks.a.output.x.y is defined }}", {"a": {("output", "x")}}),
    Case("a default does not excuse an input", "{{ inputs.q | default(1) }}", inputs={("q",)}),
    Case(
        "loop variables are none",
        "{% for t in tasks.a.outputs %}{{ t.x }}{{ loop.index }}{% endfor %}",
        {"a": {("outputs",)}},
    ),
    Case("nor are set variables", "{% set t = tasks.a.output %}{{ t.x }}", {"a": {("output",)}}),
    Case("a name is bound from then on", "{{ x }}{% set x = 1 %}{{ x }}", unknown={"x"}),
    Case("a loop variable ends with its loop", "{% for x in [1] %}{% endfor %}{{ x }}", unknown={"x"}),
    Case("unknown names", "{{ input.q }}", unknown={"input"}),
    Case(
        "both branches of a condition",
        "{{ tasks.a.output if tasks.b.failed else inputs.q }}",
        {"a": {("output",)}, "b": {("failed",)}},
        {("q",)},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_references(case: Case) -> None:
    """Every look at a task, an input or an item is found, and nothing else."""
    found = references(case.value)

    assert found == References(
        {name: frozenset(paths) for name, paths in case.tasks.items()},
        frozenset(case.inputs),
        frozenset(case.item_paths),
        case.index,
        frozenset(case.unknown),
    )


def test_syntax_errors_say_where() -> None:
    """A fault is narrowed down to its block, with its place in the value and in the text."""
    problems = problems_in({"notes": ["fine {{ inputs.q }}", "first line\nthen {{ a b }} and on"]})

    assert len(problems) == 1
    assert (problems[0].where, problems[0].text) == ("notes[1]", "{{ a b }}")
    assert (problems[0].line, problems[0].column) == (2, 6)
    assert "got 'b'" in problems[0].message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{ a.b }}", True),
        (" {{ a }}\n", True),
        ("{{ a }} {{ b }}", False),
        ("{{ a }}.", False),
        ("a", False),
        (True, False),
        ("{% if a %}{% endif %}", False),
        ("{{ a", False),
    ],
)
def test_is_expression(value: object, expected: bool) -> None:
    """Only text that is one expression and nothing else keeps its type."""
    assert is_expression(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{ tasks.a.output[0].b }}", ("tasks", "a", "output", "0", "b")),
        ("{{ inputs['a b'] }}", ("inputs", "a b")),
        ("{{ tasks.a.output | first }}", None),
        ("x {{ inputs.a }}", None),
        (["{{ inputs.a }}"], None),
    ],
)
def test_plain_path(value: object, expected: tuple[str, ...] | None) -> None:
    """A path is plain when it needs nothing but looking up."""
    assert plain_path(value) == expected


NAME = st.sampled_from(["inputs", "tasks", "item", "index", "loop", "true", "none", "not", "a", "x_1", "__class__"])
KEY = st.one_of(
    NAME.map(".{}".format), st.sampled_from(["[0]", "[12]", ".items", ".output", "['a']", "[-1]", "|upper"])
)
SPACE = st.sampled_from(["", " ", "\n"])
BLOCK = st.builds(
    lambda name, keys, space: "{{" + space + name + "".join(keys) + space + "}}", NAME, st.lists(KEY, max_size=4), SPACE
)
TEXT = st.sampled_from(["", " ", "\n", "x", "}}", "{", "\r\n", "{{", "{#", "{%", "é", "\\", "#}"])


@given(parts=st.lists(BLOCK | TEXT, min_size=1, max_size=5))
def test_the_short_way_reads_like_jinja(parts: list[str]) -> None:
    """Whatever the short way reads, Jinja reads the same."""
    text = "".join(parts)
    plain = _read_plainly(text)

    if plain is not None and "{{" in text:
        full = _read_fully(text)
        assert (plain.references, plain.is_expression, plain.parts) == (full.references, full.is_expression, full.parts)
        assert [problem.message for problem in plain.problems] == [problem.message for problem in full.problems]


SCOPE = Scope({"a": 1, "b": {"c": [2]}}, {"t": TaskView(output={"x": [1], "y": None}, outputs=[3])})
PATH = st.sampled_from(
    ["inputs.a", "inputs.b.c[0]", "tasks.t.output.x", "tasks.t.output.y", "tasks.t.outputs[0]", "inputs.b"]
)
USE = st.sampled_from(["{}", "{} | default(9)", "[{}]", "{} is defined", "({})", "{} if {} else 1", "{} == {}"])


@given(path=PATH, use=USE)
def test_what_is_referred_to_is_all_that_is_needed(path: str, use: str) -> None:
    """An expression has the same value when everything that it does not refer to is taken away."""
    text = "{{ " + use.format(path, path) + " }}"
    found = references(text)
    less = Scope(
        {name: value for name, value in SCOPE.inputs.items() if any(path[0] == name for path in found.inputs)},
        {name: view for name, view in SCOPE.tasks.items() if name in found.tasks},
    )

    assert evaluate(text, less) == evaluate(text, SCOPE)


def test_without_what_is_referred_to_there_is_no_value() -> None:
    """The other way round: take the task away, and the value is gone."""
    with pytest.raises(ExpressionError, match="'t'"):
        evaluate("{{ tasks.t.output.x }}", Scope(SCOPE.inputs, {}))
