"""Text that is no document, costs too much, or means something else in another version of YAML."""

import time
from dataclasses import dataclass

import pytest

from agentic_prefect.plans.load import load_plan
from agentic_prefect.plans.problems import PlanProblems


@dataclass(frozen=True)
class Case:
    id: str
    text: str
    expected: tuple[str, ...]
    count: int = 1
    """How many problems there are."""


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
    Case("an alias to nothing", "name: *x", ("line 1: column 7: the alias stands before",)),
    Case("an alias in itself", "name: &x [*x]", ("line 1: column 11: the alias stands before or within",)),
    Case("a merge key", tasks("{id: a, <<: {retries: 1}}"), ("merge keys", "under `defaults`")),
    Case("a list as a key", "? [a]\n: b", ("a key must be text",)),
    Case(
        "duplicate keys",
        "name: p\nname: q\ntasks: [{id: a, id: b}]",
        ("line 2: the key 'name' is there twice, first in line 1", "line 3: tasks[0]: the key 'id' is there twice"),
        count=2,
    ),
    Case("duplicate keys in JSON", '{"name": "p", "name": "q"}', ("the key 'name' is there more than once",)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_broken_text(case: Case) -> None:
    """A fault in the text is named with line, column and a mark under the place."""  # U-01
    with pytest.raises(PlanProblems) as caught:
        load_plan(case.text, source="p.yaml")

    assert str(caught.value).startswith("p.yaml")
    for expected in case.expected:
        assert expected in str(caught.value)
    assert len(caught.value.problems) == case.count


NO_PLANS = [
    ("DB_PASSWORD=hunter2secret\nUSER=ada\n", "p.yaml: a plan is a mapping with `name` and `tasks`, got str."),
    (
        "hunter2secret: DB_PASSWORD\nhunter2secret: x\n",
        "p.yaml has 2 problems:\n  - the field 'name' is missing",
    ),
    ("DB_PASSWORD: hunter2secret: more\n", "p.yaml: line 1: column 27: mapping values are not allowed"),
    ("DB_PASSWORD: !hunter2secret x\n", "p.yaml: line 1: column 14: the tag is not allowed"),
    ("DB_PASSWORD: *hunter2secret\n", "p.yaml: line 1: column 14: the alias stands before"),
    ('["hunter2secret"', "p.yaml: line 1: column 1: "),
    ('{"DB_PASSWORD": "hunter2secret"\n"more": 1}', "p.yaml: line 2: column 1: "),
]


@pytest.mark.parametrize(("text", "expected"), NO_PLANS)
def test_what_is_no_plan_is_not_quoted(text: str, expected: str) -> None:
    """A file that names no tasks may hold secrets: only the place of a fault is told."""
    with pytest.raises(PlanProblems) as caught:
        load_plan(text, source="p.yaml")

    assert str(caught.value).startswith(expected)
    assert "hunter2secret" not in str(caught.value)


def test_yaml_is_read_as_version_1_2() -> None:
    """`on`, `yes`, dates and codes with leading zeros are text; numbers and truths are what they look like."""
    plan = load_plan(
        tasks("{id: a, input: [on, yes, 2024-01-01, 007, 1_000, .inf, 12, 1.5, 1e3, true, ~, '5', !!str 5]}")
    )

    expected = ["on", "yes", "2024-01-01", "007", "1_000", ".inf", 12, 1.5, 1000.0, True, None, "5", "5"]
    assert plan.task("a").input == expected


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
    started = time.process_time()
    with pytest.raises(PlanProblems, match=expected):
        load_plan(text)

    assert time.process_time() - started < 5


def test_anchors_may_be_used() -> None:
    """An alias stands for what its anchor marks."""
    plan = load_plan("name: p\ntasks:\n  - {id: a, output: &o {type: object}}\n  - {id: b, output: *o}")

    assert plan.task("b").output == {"type": "object"}
