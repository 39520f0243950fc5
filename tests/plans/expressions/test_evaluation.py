"""What expressions are worth."""

import pickle
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.plans.expressions import ExpressionError, Scope, TaskView, evaluate
from agentic_prefect.testing.builders import error_of

SCOPE = Scope(
    inputs={"query": "surfing", "limit": 3, "place": {"items": [7], "a b": "c"}, "none": None},
    tasks={
        "plan": TaskView(output={"searches": [{"query": "p"}, {"query": "q"}], "items": 5}, status="completed"),
        "search": TaskView(output=["x", None], outputs=["x", None], status="failed", succeeded=1, failed=1),
        "broken": TaskView(status="failed", error=error_of("timeout", "too slow"), failed=True),
    },
)
ITEM_SCOPE = Scope(SCOPE.inputs, SCOPE.tasks, item={"query": "q"}, index=0)


@dataclass(frozen=True)
class Case:
    id: str
    value: Any
    expected: Any


CASES = [
    Case("a number stays a number", "{{ inputs.limit }}", 3),
    Case("arithmetic", "{{ inputs.limit + 1 }}", 4),
    Case("space around one expression does not count", " {{ inputs.limit }}\n", 3),
    Case("a list stays a list", "{{ tasks.search.outputs }}", ["x", None]),
    Case("a truth stays a truth", "{{ tasks.search.succeeded > 0 and not tasks.plan.failed }}", True),
    Case("mixed text is text", "At most {{ inputs.limit }}!", "At most 3!"),
    Case("two expressions are text", "{{ inputs.limit }}{{ inputs.limit }}", "33"),
    Case("a list in text is JSON", "All: {{ tasks.search.outputs }}", 'All: ["x", null]'),
    Case("a mapping in text is JSON", "{{ inputs.place }}.", '{"items": [7], "a b": "c"}.'),
    Case("null in text says so", "None: {{ inputs.none }}", "None: null"),
    Case("a truth in text is JSON", "It is {{ tasks.broken.failed }}.", "It is true."),
    Case("a dot reads a key before an attribute", "{{ tasks.plan.output.items }}", 5),
    Case("a key with a space", "{{ inputs.place['a b'] }}", "c"),
    Case("an index", "{{ tasks.plan.output.searches[-1].query }}", "q"),
    Case("a slice", "{{ tasks.plan.output.searches[:1] }}", [{"query": "p"}]),
    Case("an error's fields", "{{ tasks.broken.error.code }}: {{ tasks.broken.error.message }}", "timeout: too slow"),
    Case("plain text is left alone", "100% {# of it #} {", "100% {# of it #} {"),
    Case("a comment sign is text", "{{ inputs.limit }} {# x #}", "3 {# x #}"),
    Case("mappings and lists are walked", {"a": ["{{ inputs.limit }}", 1, None]}, {"a": [3, 1, None]}),
    Case("keys are left alone", {"{{ inputs.limit }}": 1}, {"{{ inputs.limit }}": 1}),
    Case("a mapping is made", "{{ {'n': inputs.limit, 'l': [index]} }}", {"n": 3, "l": [0]}),
    Case("the item of a fan-out", "{{ index }}: {{ item.query }}", "0: q"),
    Case("a default for what is missing", "{{ tasks.plan.output.nope | default('none') }}", "none"),
    Case("whether something is there", "{{ tasks.plan.output.nope is defined }}", False),
    Case("a filter gives a list", "{{ tasks.plan.output.searches | map(attribute='query') }}", ["p", "q"]),
    Case("filters in a row", "{{ tasks.search.outputs | select | join('+') | upper }}", "X"),
    Case("joining parts", "{{ inputs.query ~ ' ' ~ inputs.limit ~ inputs.none }}", "surfing 3null"),
    Case("JSON", "{{ '<é>' | tojson }}", '"<é>"'),
    Case("a loop", "{% for s in tasks.plan.output.searches %}{{ loop.index }}{{ s.query }} {% endfor %}", "1p 2q "),
    Case("a variable", "{% set n = inputs.limit * 2 %}{{ n }}", "6"),
    Case("a condition", "{% if tasks.broken.failed %}bad{% else %}good{% endif %}", "bad"),
    Case("rounding", "{{ 2.5678 | round(2) }}", 2.57),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_evaluate(case: Case) -> None:
    """An expression has the value that its author reads from it."""
    assert evaluate(case.value, ITEM_SCOPE) == case.expected


FAULTS = [
    Case("a field", "{{ tasks.plan.output.serches }}", "no field 'serches'; there is: searches, items. Did you mean"),
    Case("a task", "{{ tasks.plam.output }}", "Did you mean 'plan'?"),
    Case("an input", "{{ inputs.qery }}", "Did you mean 'query'?"),
    Case(
        "a name",
        "{{ input.query }}",
        "there is no name 'input'; there is: inputs, tasks, previous, item, index. Did you mean",
    ),
    Case("an index", "{{ tasks.search.outputs[5] }}", "there is no item 5, there are 2"),
    Case(
        "a field of a list", "{{ tasks.search.outputs.query }}", "take one item (`[0]`) or `| map(attribute='query')`"
    ),
    Case("a field of text", "{{ inputs.query.upper }}", "it is text, which has no field 'upper'"),
    Case("a field of null", "{{ inputs.none.x }}", "it is null"),
    Case("an item without a fan-out", "{{ item.query }}", "'item' is only there in a task with `for_each`"),
    Case("within a list", "{{ [inputs.nope] }}", "no field 'nope'"),
    Case("within a filter's list", "{{ tasks.plan.output.searches | map(attribute='qery') }}", "Did you mean 'query'?"),
    Case("in text", "Find {{ inputs.qery }}", "Did you mean 'query'?"),
    Case("a condition without an else", "{{ inputs.query if false }}", "no else section"),
    Case("a wrong type", "{{ inputs.query + 1 }}", "can only concatenate str"),
    Case("division by zero", "{{ 1 / 0 }}", "division by zero"),
    Case("a syntax error", "{{ inputs.query", "unexpected end of template"),
]


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.id)
def test_what_is_undefined_is_named(case: Case) -> None:
    """A fault names the expression, what is wrong and what there is instead."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(case.value, SCOPE)

    assert case.expected in str(caught.value)
    assert case.value in str(caught.value)


def test_an_output_is_never_read_as_an_expression() -> None:
    """What a task wrote is data, however much it looks like an expression."""
    hostile = "{{ inputs.query }}{% for x in inputs %}{{ x }}{% endfor %}"
    scope = Scope(SCOPE.inputs, {"a": TaskView(output=hostile)})

    assert evaluate("{{ tasks.a.output }}", scope) == hostile
    assert evaluate("It says: {{ tasks.a.output }}", scope) == f"It says: {hostile}"
    assert evaluate("{% if true %}{{ tasks.a.output }}{% endif %}", scope) == hostile


def test_an_expression_error_survives_pickling() -> None:
    """The error crosses a process's border with its message."""
    error = ExpressionError("{{ x }}", "there is no 'x'")

    assert str(pickle.loads(pickle.dumps(error))) == str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON)
def test_any_data_passes_unchanged(value: Any) -> None:
    """A reference gives exactly what was put in, whatever it is."""
    scope = Scope({"x": value}, {"t": TaskView(output=value)})

    assert evaluate("{{ inputs.x }}", scope) == value
    assert evaluate({"a": ["{{ tasks.t.output }}"]}, scope) == {"a": [value]}


@given(text=st.text())
def test_text_without_braces_is_left_alone(text: str) -> None:
    """Whatever an author writes without an opening brace pair arrives as it was written."""
    plain = text.replace("{{", "").replace("{%", "")

    assert evaluate(plain, SCOPE) == plain


@given(text=st.text(), value=st.text())
def test_text_around_an_expression_is_kept(text: str, value: str) -> None:
    """Text beside an expression arrives unchanged, line ends apart, and the value within it does, too."""
    around = text.replace("{", "").replace("}", "").replace("\r\n", "\n").replace("\r", "\n")

    assert (
        evaluate(f"[{around}]{{{{ inputs.x }}}}[{around}]", Scope({"x": value}, {})) == f"[{around}]{value}[{around}]"
    )
