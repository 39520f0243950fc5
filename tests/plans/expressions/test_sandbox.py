"""What an expression cannot do, whoever wrote it."""

import time
from dataclasses import dataclass

import pytest

from agentic_prefect.plans.expressions import ExpressionError, Scope, TaskView, evaluate, problems_in
from agentic_prefect.testing.builders import make_task


@dataclass(frozen=True)
class Case:
    id: str
    text: str
    message: str


SCOPE = Scope(
    inputs={"text": "x" * 1000, "list": list(range(1000)), "task": make_task("a")},
    tasks={"a": TaskView(output="{0.__class__}")},
)
LOOPS = "".join(f"{{% for i{n} in inputs.list %}}" for n in range(3)) + "x" + "{% endfor %}" * 3

CASES = [
    Case("a dunder attribute", "{{ ''.__class__.__mro__ }}", "'__class__' cannot be read"),
    Case("a dunder key", "{{ inputs['__class__'] }}", "'__class__' cannot be read"),
    Case("a dunder put together", "{{ inputs['__cl' ~ 'ass__'] }}", "there is no field '__class__'"),
    Case("a dunder through a filter", "{{ [inputs] | map(attribute='__class__') }}", "there is no field '__class__'"),
    Case("the attr filter", "{{ inputs | attr('__class__') }}", "there is no filter 'attr'"),
    Case("the attr filter by name", "{{ [inputs] | map('attr', 'keys') }}", "No filter named 'attr'"),
    Case("a method", "{{ inputs.text.upper() }}", "nothing can be called"),
    Case("a method of data", "{{ inputs.task.model_dump }}", "there is no field 'model_dump'"),
    Case("a format string", "{{ tasks.a.output.format(inputs) }}", "nothing can be called"),
    Case("range", "{{ range(9) }}", "nothing can be called"),
    Case("jinja's own objects", "{{ self }}", "there is no name 'self'"),
    Case("joiner, cycler and the like", "{{ namespace }}", "there is no name 'namespace'"),
    Case("an include", "{% include 'x' %}", "`{% include %}` is not allowed"),
    Case("an import", "{% import 'x' as x %}", "`{% import %}` is not allowed"),
    Case("a macro", "{% macro m() %}{% endmacro %}", "`{% macro %}` is not allowed"),
    Case("a filter block", "{% filter upper %}x{% endfilter %}", "`{% filterblock %}` is not allowed"),
    Case("a name with a meaning", "{% set tasks = 1 %}{{ tasks }}", "'tasks' has a meaning of its own"),
    Case("an unknown filter", "{{ inputs.text | uper }}", "Did you mean 'upper'?"),
    Case("an unknown test", "{{ inputs.text is devil }}", "there is no test 'devil'"),
    Case("all tasks at once", "{{ tasks }}", "`tasks` needs the id of a task"),
    Case("a task by a computed name", "{{ tasks[inputs.text].output }}", "`tasks` needs the id of a task"),
    Case("multiplied text", "{{ 'x' * 1000000000 }}", "text and lists cannot be multiplied"),
    Case("multiplied lists", "{{ 1000000000 * [1] }}", "text and lists cannot be multiplied"),
    Case("a huge power", "{{ 9 ** 99999999 }}", "digits, the limit is"),
    Case(
        "huge powers in a row",
        "{% set a = 10 ** 300 %}" + "{% set a = a * a %}" * 9 + "{{ a }}",
        "digits, the limit is",
    ),
    Case("huge padding", "{{ '%1000000000d' % 1 }}", "`%` does not format text here"),
    Case("huge rounding", "{{ 1.5 | round(1000000000, 'ceil') }}", "decimal places"),
    Case("doubled text", "{% set a = inputs.text %}" + "{% set a = a ~ a %}" * 20 + "{{ a }}", "characters, the limit"),
    Case("added text", "{% set a = inputs.text %}" + "{% set a = a + a %}" * 20 + "{{ a }}", "characters, the limit"),
    Case("added lists", "{% set a = inputs.list %}" + "{% set a = a + a %}" * 20 + "{{ a }}", "items, the limit"),
    Case("replaced text", "{{ inputs.text | replace('x', inputs.text) | replace('x', inputs.text) }}", "characters"),
    Case("loops within loops", LOOPS, "passes through loops"),
    Case(
        "a long output",
        "{% for i in inputs.list %}{% for j in [1,2] %}{{ inputs.text }}{% endfor %}{% endfor %}",
        "char",
    ),
    Case("deep parentheses", "{{ " + "(" * 300 + "1" + ")" * 300 + " }}", "nested deeper than"),
    Case("deep brackets", "{{ " + "[" * 5000 + " }}", "nested deeper than"),
    Case("a long sum", "{{ " + "+".join("1" * 400) + " }}", "nested deeper than"),
    Case("a long text", "{{ inputs.text }}" + "x" * 300_000, "the limit is 200,000"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_refused(case: Case) -> None:
    """Nothing but data is reached, nothing is called, and nothing huge is made, and the refusal says which."""
    started = time.process_time()
    with pytest.raises(ExpressionError) as caught:
        evaluate(case.text, SCOPE)

    assert case.message in str(caught.value)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("case", [case for case in CASES if "limit" not in case.message], ids=lambda case: case.id)
def test_most_refusals_need_no_run(case: Case) -> None:
    """What is wrong whatever the data is shows before the run, with the same words."""
    found = [problem.message for problem in problems_in(case.text)]

    assert not found or any(case.message in message for message in found)


def test_data_is_not_changed() -> None:
    """An expression cannot change what it looks at."""
    with pytest.raises(ExpressionError):
        evaluate("{% set _ = inputs.list.append(1) %}{{ inputs.list }}", SCOPE)

    assert len(SCOPE.inputs["list"]) == 1000
