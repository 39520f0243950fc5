"""Expressions that cannot be read, or that look at what will not be there."""

import pytest

from agentic_prefect.plans.validation.subject import Known
from tests.plans.validation.cases import SEARCHES, TEXT, A, Case, assert_refused, task

CASES = [
    Case(
        "an unknown input",
        (task("a", description="{{ inputs.qery }}"),),
        "task a: description: there is no input 'qery'. Did you mean 'query'?",
        {"inputs": {"query": {}}},
    ),
    Case(
        "a path that an input lacks",
        (task("a", description="{{ inputs.q.x }}"),),
        "`inputs.q.x` will not be there: it is of type string",
        {"inputs": {"q": {"type": "string"}}},
    ),
    Case(
        "a path that the output lacks",
        (A, task("b", input="{{ tasks.a.output.serches }}")),
        "task b: input: `tasks.a.output.serches` will not be there: its schema has no field 'serches'. "
        "It has: searches, note, extra. Did you mean 'searches'?",
    ),
    Case(
        "a path through a reference",
        (A, task("b", input="{{ tasks.a.output.searches[0].qery }}")),
        "'searches.0': its schema has no field 'qery'. It has: query. Did you mean 'query'?",
    ),
    Case(
        "a field of a list",
        (A, task("b", input="{{ tasks.a.output.searches.query }}")),
        "'searches': it is a list and has no field 'query'. Take one item (`[0]`) or `| map(attribute='query')`",
    ),
    Case(
        "a field of text within",
        (A, task("b", input="{{ tasks.a.output.note.x }}")),
        "'note': it is of type null/string",
    ),
    Case(
        "a field of an output that is text",
        (TEXT, task("b", input="{{ tasks.t.output.x }}")),
        "its output is text. Declare `output` for task 't'.",
    ),
    Case(
        "a field of all outputs",
        (A, task("b", input="{{ tasks.a.outputs.note }}")),
        "it is a list, one output per item",
    ),
    Case(
        "the output of a fan-out",
        (task("s", output=SEARCHES, for_each=[1]), task("b", input="{{ tasks.s.output.note }}")),
        "it is a list, one output per item",
    ),
    Case(
        "a path within one of all outputs", (A, task("b", input="{{ tasks.a.outputs[0].nte }}")), "Did you mean 'note'?"
    ),
    Case(
        "an output's field taken for the task's",
        (A, task("b", input="{{ tasks.a.searches }}")),
        "Did you mean `tasks.a.output.searches`?",
    ),
    Case(
        "a field that tasks lack",
        (A, task("b", input="{{ tasks.a.outptu }}")),
        "of a task there is output, outputs, status, error, succeeded, failed, skipped. Did you mean 'output'?",
    ),
    Case("a field that errors lack", (A, task("b", when="{{ tasks.a.error.mesage }}")), "Did you mean 'message'?"),
    Case("a field of a status", (A, task("b", when="{{ tasks.a.status.x }}")), "'status' is a single value"),
    Case(
        "a path in the schema of a name",
        (task("x", output="analysis"), task("b", input="{{ tasks.x.output.sumary }}")),
        "Did you mean 'summary'?",
    ),
    Case(
        "a path in the schema of a model",
        (task("x", output={"model": "m:M"}), task("b", input="{{ tasks.x.output.sumary }}")),
        "Did you mean 'summary'?",
        known=Known(models={"m:M": {"properties": {"summary": {}}}}),
    ),
    Case(
        "a field that items lack",
        (A, task("b", for_each="{{ tasks.a.output.searches }}", description="{{ item.qery }}")),
        "task b: description: `item.qery` will not be there: its schema has no field 'qery'",
    ),
    Case(
        "a field that the items of an input lack",
        (task("b", for_each="{{ inputs.l }}", description="{{ item.x }}"),),
        "`item.x` will not be there",
        {"inputs": {"l": {"type": "array", "items": {"type": "string"}}}},
    ),
    Case(
        "an item without for_each",
        (task("a", description="{{ item.x }}"),),
        "task a: description: `item` has no meaning here. It is there in a task with `for_each` only.",
    ),
    Case(
        "an item in a condition",
        (task("a", for_each=[1], when="{{ index > 0 }}"),),
        "`index` has no meaning here. `when` is looked at once, before there are items.",
    ),
    Case(
        "an unknown name",
        (task("a", description="{{ input.x }}"),),
        "task a: description: in `{{ input.x }}`: there is no name 'input'; "
        "there is: inputs, tasks, previous, item, index. Did you mean 'inputs'?",
    ),
    Case(
        "a syntax error",
        (task("a", input={"x": "so {{ a b }}"}),),
        "task a: input.x: in `{{ a b }}` (line 1, column 4): expected token",
    ),
    Case(
        "an unknown filter",
        (task("a", description="{{ inputs.q | uper }}"),),
        "Did you mean 'upper'?",
        {"inputs": {"q": {}}},
    ),
    Case(
        "a condition without braces",
        (A, task("b", when="tasks.a.failed")),
        "task b: when: `tasks.a.failed` is text, not one expression. Write it like",
    ),
    Case(
        "a condition with text around it",
        (A, task("b", when="not {{ tasks.a.failed }}")),
        "task b: when: `not {{ tasks.a.failed }}` is text",
    ),
    Case(
        "text to spread over",
        (TEXT, task("b", for_each="{{ tasks.t.output }}")),
        "task b: for_each: `{{ tasks.t.output }}` is no list",
    ),
    Case(
        "an object to spread over",
        (A, task("b", for_each="{{ tasks.a.output }}")),
        "task b: for_each: `{{ tasks.a.output }}` is no list",
    ),
    Case(
        "an unknown task in the result", (A,), "result: there is no task 'x'", {"result": {"r": "{{ tasks.x.output }}"}}
    ),
    Case("an item in the result", (A,), "result: `item` has no meaning here", {"result": "{{ item }}"}),
    Case(
        "an expression in the defaults",
        (A,),
        "defaults.context: there is no input 'x'",
        {"defaults": {"context": "{{ inputs.x }}"}},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_lookups(case: Case) -> None:
    """A look at what will not be there is reported before anything runs."""  # U-01
    assert_refused(case)
