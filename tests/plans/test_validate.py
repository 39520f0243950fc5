"""Everything that can be known to be wrong with a plan before it runs."""

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from agentic_prefect.models.plan import Plan
from agentic_prefect.plans.graph import build_graph
from agentic_prefect.plans.load import dump_plan, load_plan
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.plans.validate import check_plan, validate_plan
from agentic_prefect.plans.validation.subject import Known
from agentic_prefect.policies.effective import effective_plan
from agentic_prefect.testing.builders import make_plan

SEARCHES = {
    "type": "object",
    "properties": {
        "searches": {"type": "array", "items": {"$ref": "#/$defs/search"}},
        "note": {"type": ["string", "null"]},
        "extra": {"type": "object"},
    },
    "$defs": {"search": {"type": "object", "properties": {"query": {"type": "string"}}, "additionalProperties": False}},
}


def task(task_id: str, **fields: Any) -> dict[str, Any]:
    """A task's fields."""
    return {"id": task_id, **fields}


A = task("a", output=SEARCHES)
TEXT = task("t")
NOTHING_KNOWN = Known()
KINDS = ("agent", "function", "plan", "human", "capability")


@dataclass(frozen=True)
class Case:
    id: str
    tasks: tuple[dict[str, Any], ...]
    expected: str
    plan: dict[str, Any] = field(default_factory=dict)
    known: Known = NOTHING_KNOWN


def deep(levels: int) -> dict[str, Any]:
    """An object of that many levels."""
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels - 1):
        schema = {"type": "object", "properties": {"x": schema}}
    return schema


ERRORS = [
    # names
    Case("a duplicate id", (A, A), "task a: 2 tasks have the id 'a'"),
    Case(
        "an unknown task to depend on",
        (A, task("b", depends_on="aa")),
        "task b: depends_on: there is no task 'aa'. Did you mean 'a'?",
    ),
    Case(
        "an unknown task to come after", (A, task("b", after="x")), "task b: after: there is no task 'x'. Known: a, b."
    ),
    Case("a task after itself", (task("a", after="a"),), "task a: after: task 'a' waits for itself"),
    Case(
        "an unknown task in an expression",
        (task("search"), task("b", input={"x": ["{{ tasks.serch.output }}"]})),
        "task b: input: there is no task 'serch'. Did you mean 'search'?",
    ),
    Case(
        "an unknown task in a condition",
        (A, task("b", when="{{ tasks.x.failed }}")),
        "task b: when: there is no task 'x'",
    ),
    Case(
        "a task that refers to itself",
        (task("a", description="{{ tasks.a.output }}"),),
        "task a: description: task 'a' refers to itself",
    ),
    Case(
        "an unknown fallback",
        (task("write", on_failure={"fallback": ["writ_short"]}), task("write_short")),
        "task write: on_failure: there is no task 'writ_short'. Did you mean 'write_short'?",
    ),
    Case(
        "an unknown agent",
        (task("a", agent="writr"),),
        "task a: agent: there is no agent 'writr'. Did you mean 'writer'? Describe it under `agents`.",
        {"agents": {"writer": {}}},
    ),
    Case(
        "an unknown agent in the defaults, said once",
        (task("a"), task("b")),
        "defaults.agent: there is no agent 'x'",
        {"defaults": {"agent": "x"}},
    ),
    Case(
        "an unknown kind",
        (task("a", kind="functon"),),
        "task a: kind: there is no kind of task 'functon'. Did you mean 'function'?",
        known=Known(kinds=KINDS),
    ),
    Case(
        "a kind unlike any",
        (task("a", kind="zzz"),),
        "Known: agent, function, plan, human, capability.",
        known=Known(kinds=KINDS),
    ),
    Case(
        "an unknown capability",
        (task("a", kind="capability", use="serch"),),
        "task a: use: there is no capability 'serch'. Did you mean 'search'?",
        known=Known(capabilities={"search"}),
    ),
    Case(
        "an unknown capability of an agent",
        (A,),
        "agent w: capabilities: there is no capability 'x'",
        {"agents": {"w": {"capabilities": ["x"]}}},
        Known(capabilities={"search"}),
    ),
    Case(
        "an unknown check",
        (task("a", checks=["spel"]),),
        "task a: checks: there is no check 'spel'. Did you mean 'spell'?",
        known=Known(checks={"spell"}),
    ),
    Case(
        "an unknown check with options",
        (task("a", checks=[{"x": {"y": 1}}]),),
        "task a: checks: there is no check 'x'",
        known=Known(checks={"spell"}),
    ),
    Case(
        "an unknown prompt",
        (task("a", prompt="sumarise@1"),),
        "task a: prompt: there is no prompt 'sumarise'. Did you mean 'summarise'?",
        known=Known(prompts={"summarise"}),
    ),
    Case(
        "an unknown output schema",
        (task("a", output="analisys"),),
        "task a: output: there is no output schema 'analisys'. Did you mean 'analysis'?",
        known=Known(schemas={"analysis"}),
    ),
    Case(
        "an unknown connection",
        (task("a", model="locl/x"),),
        "task a: model: there is no connection 'locl' (in 'locl/x'). Did you mean 'local'?",
        known=Known(connections={"local"}),
    ),
    Case(
        "an unknown connection of an agent",
        (task("a", agent="w"),),
        "agent w: model: there is no connection 'x'",
        {"agents": {"w": {"model": "x/y"}}},
        Known(connections={"local"}),
    ),
    # circles and fallbacks
    Case(
        "a circle",
        (task("a", after="b"), task("b", after="c"), task("c", after="a")),
        "task a: the tasks wait for each other in a circle: a -> b -> c -> a",
    ),
    Case(
        "a fallback that can never trigger",
        (task("a", on_failure={"fallback": "f"}), task("x", depends_on="a"), task("f", after="x")),
        "a fallback could never run, since the tasks wait for each other: a -> f -> x -> a",
    ),
    Case(
        "a condition on its own fallback",
        (task("a", on_failure={"fallback": "f"}, when="{{ tasks.f.failed }}"), task("f")),
        "a fallback could never run",
    ),
    Case(
        "a task that falls back to itself",
        (task("a", on_failure={"fallback": "a"}),),
        "task a: on_failure: task 'a' falls back to itself",
    ),
    Case(
        "a chain that repeats itself",
        (task("a", on_failure={"fallback": ["f", "f"]}), task("f")),
        "task a: on_failure: the chain names 'f' 2 times",
    ),
    Case(
        "a fallback that needs a success",
        (task("a", failure_policy={"timeout": {"fallback": "f"}}), task("f", depends_on="a")),
        "task f: depends_on: it stands in for 'a' and needs its success",
    ),
    Case(
        "a fallback that looks at one of two",
        (
            task("a", on_failure={"fallback": "f"}),
            task("b", on_failure={"fallback": "f"}),
            task("f", input="{{ tasks.b.error }}"),
        ),
        "task f: it stands in for 'a', 'b' and looks at 'b'",
    ),
    Case(
        "two answers to a failure",
        (task("a", on_failure="continue", failure_policy={"default": "abort"}),),
        "`on_failure` is never reached",
    ),
    Case(
        "a rule for what halts anyway",
        (task("a", failure_policy={"critical": "continue"}),),
        "task a: failure_policy.critical: a critical error always halts",
    ),
    Case(
        "a question to nobody",
        (task("a", failure_policy={"authentication": "ask_human"}),),
        "task a: failure_policy.authentication: nobody can be asked here",
        known=Known(humans=False),
    ),
    # expressions
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
        "there is: inputs, tasks, item, index. Did you mean 'inputs'?",
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
    # kinds
    Case(
        "a function without a call",
        (task("a", kind="function"),),
        "task a: a task of kind 'function' needs `call`. Write `call: package.module:name`.",
    ),
    Case("a sub-plan without a plan", (task("a", kind="plan"),), "task a: a task of kind 'plan' needs `plan`"),
    Case(
        "a capability without a name",
        (task("a", kind="capability"),),
        "task a: a task of kind 'capability' needs `use`",
    ),
    Case(
        "an agent without work",
        (task("a", description=" "),),
        "task a: a task of kind 'agent' needs `description`. Say in `description` what is to be done.",
    ),
    Case(
        "a forgotten kind",
        (task("a", call="m:f"),),
        "task a: call: only kind 'function' reads `call`, this task is of kind 'agent'. Set `kind: function`",
    ),
    Case(
        "a call that is none",
        (task("a", kind="function", call="m.f"),),
        "task a: call: 'm.f' is no reference to a function",
    ),
    Case(
        "a broken sub-plan",
        (task("a", kind="plan", plan={"name": "s", "tasks": [{"id": "x", "retris": 1}]}),),
        "task a: plan: task x: unknown field 'retris'. Did you mean 'retries'?",
    ),
    Case(
        "a fault in a sub-plan",
        (task("a", kind="plan", plan={"name": "s", "tasks": [{"id": "x", "description": "{{ tasks.y.output }}"}]}),),
        "task a: plan: task x: description: there is no task 'y'",
    ),
    Case(
        "an input that a sub-plan lacks",
        (
            task(
                "a",
                kind="plan",
                input={"q": 1},
                plan={"name": "s", "inputs": {"qq": {"default": 1}}, "tasks": [{"id": "x", "description": "y"}]},
            ),
        ),
        "task a: input: the plan 's' has no input 'q'. Did you mean 'qq'?",
    ),
    # schemas and limits
    Case(
        "an input that is no schema",
        (A,),
        "inputs.q: it is no valid JSON Schema: type: 'strin'",
        {"inputs": {"q": {"type": "strin"}}},
    ),
    Case(
        "a default that does not fit",
        (A,),
        "inputs.n.default: it does not fit the input's own schema: 'x' is not of type 'integer'",
        {"inputs": {"n": {"type": "integer", "default": "x"}}},
    ),
    Case(
        "an output that is no schema",
        (task("a", output={"type": "objct"}),),
        "task a: output: it is no valid JSON Schema",
    ),
    Case(
        "a schema that refers elsewhere",
        (task("a", output={"$ref": "https://example.com/x"}),),
        "it refers to 'https://example.com/x', which it does not contain",
    ),
    Case(
        "a reference to no model", (task("a", output={"model": "x"}),), "task a: output: 'x' is no reference to a model"
    ),
    Case(
        "a schema too deep for anybody",
        (task("a", output=deep(11)),),
        "task a: output: no provider takes a schema this large: 11 levels of nesting, the limit is 10",
    ),
    Case(
        "too many properties for anybody",
        (task("a", output={"type": "object", "properties": {f"p{n}": {} for n in range(5001)}}),),
        "5,001 properties, the limit is 5,000",
    ),
    Case(
        "a first wait longer than the longest",
        (task("a", retry={"base_s": 99}),),
        "task a: retry: the first wait (base_s=99) is longer than the longest (max_s=60)",
    ),
    Case(
        "so in a rule",
        (task("a", failure_policy={"timeout": {"max_s": 0.5}}),),
        "task a: failure_policy.timeout: the first wait (base_s=1) is longer than the longest (max_s=0.5)",
    ),
]

WARNINGS = [
    Case(
        "a schema too deep for some",
        (task("a", output=deep(6)),),
        "task a: output: some providers refuse a schema this large: 6 levels of nesting, the limit is 5",
    ),
    Case(
        "too many properties for some",
        (task("a", output={"type": "object", "properties": {f"p{n}": {} for n in range(101)}}),),
        "101 properties, the limit is 100",
    ),
    Case(
        "a limit without a fan-out",
        (task("a", max_concurrency=2),),
        "task a: max_concurrency: it limits the items of a fan-out, and there is no `for_each`",
    ),
    Case(
        "a limit above the plan's",
        (task("a", for_each=[1], max_concurrency=99),),
        "the plan runs at most 10 tasks at once",
    ),
    Case(
        "a budget above the plan's",
        (task("a", budget={"calls": 9}),),
        "task a: budget.calls: 9 is more than the plan's 5",
        {"budget": {"calls": 5}},
    ),
    Case(
        "a repair of what is no answer",
        (task("a", failure_policy={"timeout": {"repair": 1}}),),
        "`repair` means something for `invalid_output` only",
    ),
]

FINE: list[Case] = [
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


def plan_of(case: Case) -> Plan:
    """The plan that a case describes; a copy, since a case is used more than once."""
    return make_plan(*(dict(fields) for fields in case.tasks), **case.plan)


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.id)
def test_errors(case: Case) -> None:
    """A plan that cannot run is refused for the right reason, at the right place, with a way out."""  # U-01 A-Q3
    problems = validate_plan(plan_of(case), known=case.known)
    with pytest.raises(PlanProblems) as caught:
        check_plan(plan_of(case), known=case.known)

    assert any(case.expected in str(problem) for problem in problems), [str(problem) for problem in problems]
    assert case.expected in str(caught.value)


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.id)
def test_one_fault_is_one_problem(case: Case) -> None:
    """A single fault is reported once, not in every place it touches."""
    problems = validate_plan(plan_of(case), known=case.known)

    assert len(problems) == 1, [str(problem) for problem in problems]


@pytest.mark.parametrize("case", WARNINGS, ids=lambda case: case.id)
def test_warnings(case: Case) -> None:
    """What is odd but can run is a warning, and no error."""  # L-34
    warnings = check_plan(plan_of(case), known=case.known)

    assert [problem.severity for problem in warnings] == ["warning"]
    assert case.expected in str(warnings[0])


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
    started = time.monotonic()
    plan = load_plan(text)
    problems = check_plan(plan)
    depth = build_graph(effective_plan(plan)).depth

    assert (problems, depth) == ((), 1000)
    assert time.monotonic() - started < 10
