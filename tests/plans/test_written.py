"""Plans as people write them, and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.errors import PlanInvalid
from agentic_prefect.models.plan import Plan
from agentic_prefect.models.task import AgentTask
from agentic_prefect.plans.load import dump_plan, load_plan
from agentic_prefect.plans.written import TASK_ORDER
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


def test_every_field_of_a_task_has_its_place() -> None:
    """No field is forgotten when a task is written."""
    assert sorted(TASK_ORDER) == sorted(AgentTask.model_fields)


def test_what_cannot_be_written_is_refused() -> None:
    """A Python object in a plan is named, not written as something else."""
    with pytest.raises(PlanInvalid, match="Plan 'plan' cannot be written down"):
        dump_plan(make_plan({"id": "a", "input": {"x": object()}}))


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
CHECK_WORDS = ("schema", "expression", "judge", "critics", "function", "named")
LAST = ["skip_dependents", "continue", "abort", "ask_human", {"ask_human": {"fallback": ["c"], "deadline_s": 5.0}}]
ACTIONS = st.sampled_from(
    [*LAST, {"fallback": ["a"]}, {"fallback": "b"}, *({"fallback": "b", "then": x} for x in LAST)]
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "retry": st.integers(0, 50),
        "repair": st.integers(0, 10),
        "base_s": st.floats(0, 9),
        "max_attempts": st.integers(1, 9),
        "model": st.sampled_from(["m", ["m", "other/n"]]),
        "model_after": st.integers(1, 3),
        "then": ACTIONS,
    },
)
WORDS = TEXTS.filter(lambda text: text and text not in ("<<", "check", "kind", "name", "required", *CHECK_WORDS))
CHECKS = (
    st.just("schema")
    | WORDS
    | st.dictionaries(WORDS, JSON, min_size=1, max_size=1)
    | st.fixed_dictionaries(
        {"schema": st.just({"type": "object"})}, optional={"name": TEXTS, "required": st.booleans()}
    )
    | st.fixed_dictionaries({"expression": TEXTS}, optional={"message": TEXTS})
    | st.fixed_dictionaries({"judge": WORDS}, optional={"model": TEXTS, "at_least_ratio": st.floats(0, 1)})
    | st.fixed_dictionaries({"critics": st.lists(TEXTS, min_size=1, max_size=2) | TEXTS})
    | st.fixed_dictionaries({"function": TEXTS})
    | st.fixed_dictionaries({"check": WORDS}, optional={"required": st.booleans(), "x": JSON})
)
FIELDS: dict[str, Any] = {
    "description": TEXTS,
    "input": JSON,
    "context": st.lists(
        TEXTS | st.fixed_dictionaries({"text": TEXTS}, optional={"source": TEXTS, "priority": st.integers(1, 9)}),
        max_size=2,
    ),
    "context_rules": st.fixed_dictionaries({}, optional={"relevance_ratio": st.floats(0, 1)}),
    "when": st.booleans() | TEXTS,
    "for_each": TEXTS | st.lists(JSON, max_size=2),
    "output": st.dictionaries(TEXTS.filter("<<".__ne__), JSON, max_size=2) | TEXTS | st.none(),
    "timeout_s": st.floats(0.001, 1e6) | st.none(),
    "retries": st.integers(0, 50),
    "retry": st.fixed_dictionaries(
        {}, optional={"on": st.lists(st.sampled_from(["timeout", "server"]), max_size=2), "backoff": st.just("linear")}
    ),
    "on_failure": ACTIONS,
    "failure_policy": st.dictionaries(
        st.sampled_from(["timeout", "refusal", "ValueError", "default"]), RULES | ACTIONS, max_size=3
    ),
    "tags": st.lists(TEXTS, max_size=2) | TEXTS,
    "checks": st.lists(CHECKS, max_size=2),
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
