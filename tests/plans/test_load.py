"""Plans from text and back."""

import json
import pickle
import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.agent import AgentSpec
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.policy import Continue, Fallback
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.load import dump_plan, load_plan
from agentic_prefect.plans.problems import PlanProblems
from agentic_prefect.testing.builders import make_plan

PLAN = """
name: trip-research
description: Research a trip
inputs:
  query: {type: string, default: "Caribbean: surfing"}
defaults: {model: gpt-5-mini, timeout_s: 60, on_failure: skip_dependents}
budget: {usd: 0.50}
agents:
  writer: {role: editor, capabilities: []}
tasks:
  - id: search
    for_each: [a, b]
    agent: writer
    description: |
      Look for {{ item }}.
      Be quick.
    retry: {on: [timeout]}
    on_failure: continue
  - id: write
    description: Write.
    input: {notes: "{{ tasks.search.outputs }}"}
    on_failure: {fallback: [write_short]}
    failure_policy:
      rate_limit: {retry: 6}
      authentication: ask_human
      content_filter: {fallback: write_short}
      default: abort
  - id: write_short
    description: Write less.
result: "{{ tasks.write.output }}"
"""


def test_load() -> None:
    """A plan file is read with its short forms, and agents are called what their keys say."""  # L-05 L-07
    plan = load_plan(PLAN)

    assert [task.id for task in plan.tasks] == ["search", "write", "write_short"]
    assert plan.agents["writer"].name == "writer"
    assert plan.task("search").for_each == ("a", "b")
    assert plan.task("search").on_failure == Continue()
    assert plan.task("write").on_failure == Fallback(chain=("write_short",))


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_round_trip(format: Any) -> None:
    """What is dumped is loaded as the same plan, with its schema version and nothing that was not set."""  # L-05 L-07
    plan = load_plan(PLAN)
    text = dump_plan(plan, format)

    assert load_plan(text) == plan
    assert load_plan(text).schema_version == 1
    assert "schema_version" in text
    assert "special_instructions" not in text


def test_dumped_yaml_reads_well() -> None:
    """Short forms stay short, blocks stay blocks, and an agent's name is not said twice."""
    text = dump_plan(load_plan(PLAN))

    assert "  on_failure: continue\n" in text
    assert "    authentication: ask_human\n" in text
    assert "    content_filter:\n      fallback:\n      - write_short\n" in text
    assert "  description: |\n    Look for {{ item }}.\n    Be quick.\n" in text
    assert "name: writer" not in text
    assert text.index("- id: search") < text.index("  agent: writer") < text.index("  for_each:")


def test_the_same_plan_built_in_python() -> None:
    """A plan that is built equals the one that is read, agents' names included."""
    built = Plan(
        name="p",
        agents={"writer": AgentSpec(role="editor")},
        tasks=(AgentTask(id="a", agent="writer", description="Write."),),
    )

    assert load_plan(dump_plan(built)) == built
    assert built == load_plan(
        "{name: p, agents: {writer: {role: editor}}, tasks: [{id: a, agent: writer, description: Write.}]}"
    )


def test_a_mapping_is_a_plan_too() -> None:
    """What would stand in the text can be given as data."""
    assert load_plan(json.loads(dump_plan(load_plan(PLAN), "json"))) == load_plan(PLAN)


def test_what_cannot_be_written_is_refused() -> None:
    """A Python object in a plan is named, not written as something else."""
    with pytest.raises(PlanInvalid, match="Plan 'plan' cannot be written down"):
        dump_plan(make_plan({"id": "a", "input": {"x": object()}}))


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
        "broken YAML",
        "name: p\ntasks:\n  - id: a\n   retries: 1",
        ("line 4: column 4: while parsing", "   retries: 1\n       ^"),
    ),
    Case("a tab", "name: p\ntasks:\n\t- id: a", ("line 3: column 1", "cannot start any token")),
    Case("a list never closed", "name: p\ntasks: [{id: a}", ("line 2: column 8", "    tasks: [{id: a}\n           ^")),
    Case("a colon in text", "name: p\ndescription: Search: it", ("line 2: column 20: mapping values are not allowed",)),
    Case("a control character", "name: p\0", ("#x0000",)),
    Case("an empty file", "", ("the plan is empty. It needs at least `name` and `tasks`",)),
    Case("a list", "- a", ("a plan is a mapping with `name` and `tasks`, got list",)),
    Case("two documents", "name: p\n---\nname: q", ("line 2", "a second one starts here")),
    Case("a tag", "name: !!python/object/apply:os.system [ls]", ("line 1: column 7", "the tag", "is not allowed")),
    Case("an alias to nothing", "name: *x", ("the alias *x stands before",)),
    Case("an alias in itself", "name: &x [*x]", ("the alias *x stands before or within",)),
    Case("a merge key", tasks("{id: a, <<: {retries: 1}}"), ("merge keys", "under `defaults`")),
    Case("a list as a key", "? [a]\n: b", ("a key must be text",)),
    Case(
        "duplicate keys",
        "name: p\nname: q\ntasks: [{id: a, id: b}]",
        ("line 2: the key 'name' is there twice, first in line 1", "line 3: tasks[0]: the key 'id' is there twice"),
    ),
    Case("duplicate keys in JSON", '{"name": "p", "name": "q"}', ("the key 'name' is there more than once",)),
    Case(
        "a later version",
        "name: p\nschema_version: 2",
        ("written for schema version 2, this program reads up to 1. Update",),
    ),
    Case("no name, no tasks", "description: x", ("the field 'name' is missing", "the field 'tasks' is missing")),
    Case("no tasks", "name: p\ntasks: []", ("line 2: tasks: needs at least 1, got []",)),
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
def test_bad_plans(case: Case) -> None:
    """Every fault is named with its place, what was wrong and the way out."""  # U-01
    with pytest.raises(PlanProblems) as caught:
        load_plan(case.text, source="p.yaml")

    assert str(caught.value).startswith("p.yaml")
    for expected in case.expected:
        assert expected in str(caught.value)
    assert len(caught.value.problems) == (2 if "no name" in case.id or case.id == "duplicate keys" else 1)


def test_all_problems_at_once() -> None:
    """Problems in different places are reported together, in the order of their lines."""  # U-01
    text = "name: P!\nmax_concurrency: 0\ntasks:\n  - {id: 1a, retries: x}\n  - {id: b, on_failure: no}\nresults: x\n"
    with pytest.raises(PlanProblems) as caught:
        load_plan(text)

    assert [problem.line for problem in caught.value.problems] == [1, 2, 4, 4, 5, 6]
    assert str(caught.value).startswith("<plan> has 6 problems:\n  - line 1: name: ")


def test_problems_survive_pickling() -> None:
    """The error crosses a process's border with its problems."""
    with pytest.raises(PlanProblems) as caught:
        load_plan("name: 5")

    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_yaml_is_read_as_version_1_2() -> None:
    """`on`, `yes`, dates and codes with leading zeros are text; numbers and truths are what they look like."""
    plan = load_plan(
        tasks("{id: a, input: [on, yes, 2024-01-01, 007, 1_000, .inf, 12, 1.5, 1e3, true, ~, '5', !!str 5]}")
    )

    expected = ["on", "yes", "2024-01-01", "007", "1_000", ".inf", 12, 1.5, 1000.0, True, None, "5", "5"]
    assert plan.task("a").input == expected


def test_json_lines_are_known() -> None:
    """A fault in a JSON plan has its line, too."""
    with pytest.raises(PlanProblems, match="line 4: task a: unknown field 'retris'"):
        load_plan('{\n"name": "p",\n"tasks": [\n{"id": "a", "retris": 1}]}', source="p.json")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#" * 10_000_000, "10,000,000 characters, the limit is 1,000,000"),
        ("a: " + "[" * 100_000, "nested deeper than 64 levels"),
        ("- " * 50_000, "nested deeper than 64 levels"),
        ('{"a": ' + "[" * 100_000, "nested deeper than 64 levels"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "nested deeper than 64 levels"),
        (
            "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)),
            "more than 200,000",
        ),
    ],
    ids=["10 MB", "deep lists", "deep blocks", "deep JSON", "closed deep JSON", "billion laughs"],
)
def test_bombs(text: str, expected: str) -> None:
    """Text that would cost much is refused before it does."""
    started = time.monotonic()
    with pytest.raises(PlanProblems, match=expected):
        load_plan(text)

    assert time.monotonic() - started < 5


def test_anchors_may_be_used() -> None:
    """An alias stands for what its anchor marks."""
    plan = load_plan("name: p\ntasks:\n  - {id: a, output: &o {type: object}}\n  - {id: b, output: *o}")

    assert plan.task("b").output == {"type": "object"}


TEXTS = st.text() | st.sampled_from(
    [
        "on",
        "1e3",
        "1.",
        "0x1f",
        "~",
        "null",
        "12:30",
        "2024-01-01",
        "- a",
        "a: b",
        "#",
        "|",
        " x\n",
        "\n x",
        "=",
        "<<",
        "\x85x",
        "a\u2028b",
        "0o7",
        "\ufeff",
    ]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter("<<".__ne__), inner, max_size=3),
    max_leaves=6,
)
ACTIONS = st.sampled_from(["skip_dependents", "continue", "abort", "ask_human", {"fallback": ["a"]}, {"fallback": "b"}])
RULES = st.fixed_dictionaries(
    {}, optional={"retry": st.integers(0, 50), "repair": st.integers(0, 10), "base_s": st.floats(0, 9), "then": ACTIONS}
)
FIELDS: dict[str, Any] = {
    "description": TEXTS,
    "input": JSON,
    "context": st.lists(TEXTS, max_size=2),
    "when": st.booleans() | TEXTS,
    "for_each": TEXTS | st.lists(JSON, max_size=2),
    "output": st.dictionaries(TEXTS.filter("<<".__ne__), JSON, max_size=2) | TEXTS | st.none(),
    "timeout_s": st.floats(0.001, 1e6) | st.none(),
    "retries": st.integers(0, 50),
    "retry": st.fixed_dictionaries(
        {}, optional={"on": st.lists(st.sampled_from(["timeout", "server"]), max_size=2), "backoff": st.just("linear")}
    ),
    "on_failure": ACTIONS,
    "failure_policy": st.dictionaries(st.sampled_from(["timeout", "refusal", "default"]), RULES | ACTIONS, max_size=3),
    "tags": st.lists(TEXTS, max_size=2) | TEXTS,
    "checks": st.lists(JSON, max_size=2),
    "budget": st.fixed_dictionaries({}, optional={"usd": st.floats(0.001, 99), "calls": st.integers(1, 9)}),
    "plan": TEXTS | st.dictionaries(TEXTS.filter("<<".__ne__), JSON, max_size=2),
    "critical": st.booleans(),
}
PLANS = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"\A[a-z][a-z0-9_-]{0,9}\Z"),
        "tasks": st.lists(
            st.fixed_dictionaries({"id": st.from_regex(r"\A[A-Za-z][A-Za-z0-9_]{0,9}\Z")}, optional=FIELDS),
            min_size=1,
            max_size=3,
        ),
    },
    optional={
        "description": TEXTS,
        "defaults": st.fixed_dictionaries({}, optional=FIELDS),
        "agents": st.dictionaries(
            TEXTS.filter("<<".__ne__),
            st.fixed_dictionaries(
                {}, optional={"role": TEXTS, "retries": st.integers(0, 5), "failure_policy": FIELDS["failure_policy"]}
            ),
            max_size=2,
        ),
        "inputs": st.dictionaries(
            TEXTS.filter("<<".__ne__), st.dictionaries(TEXTS.filter("<<".__ne__), JSON, max_size=2), max_size=2
        ),
        "result": JSON,
    },
)


@given(data=PLANS, format=st.sampled_from(["yaml", "json"]))
def test_any_plan_round_trips(data: dict[str, Any], format: Any) -> None:
    """Whatever a plan holds, it is the same plan after it was written and read."""  # L-05 L-07
    plan = Plan.model_validate(data)

    assert load_plan(dump_plan(plan, format)) == plan
