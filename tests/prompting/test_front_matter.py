"""Template files."""

from dataclasses import dataclass

import pytest

from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.front_matter import read_template, written_template
from agentic_prefect.prompting.template import PromptTemplate

WHOLE = """---
id: sum.up
version: 1.10
name: Sum up
task_type: summary
description: Sums up a text.
tags: [short, text]
domain: news
environment: dev
variables:
  text: string
  sentences: {type: integer, default: 3, description: How many}
examples:
  - {input: A long text., output: A short one., note: It is short.}
few_shot: {rule: similar, most: 1}
reasoning: true
tests:
  - {name: says it, data: {text: x}, expect: [Sum up in 3]}
notes: The number of sentences works better than a number of words.
author: Ada
parent: sum.up@1.9.0
---
Sum up in {{ sentences }} sentences:
{{ text }}
"""


def test_file_is_read_whole() -> None:  # P-16
    """Every field of front matter arrives, and the text begins after it."""
    template = read_template(WHOLE, origin="sum.md.j2")

    assert template.model_dump(exclude={"source", "variables"}) == {
        "id": "sum.up",
        "version": "1.10.0",
        "name": "Sum up",
        "task_type": "summary",
        "description": "Sums up a text.",
        "tags": ("short", "text"),
        "domain": "news",
        "environment": "dev",
        "examples": ({"input": "A long text.", "output": "A short one.", "note": "It is short."},),
        "few_shot": {"rule": "similar", "most": 1, "pick": ()},
        "reasoning": True,
        "tests": (
            {
                "name": "says it",
                "data": {"text": "x"},
                "task": None,
                "expect": ("Sum up in 3",),
                "absent": (),
                "text": None,
                "snapshot": "",
                "error": "",
            },
        ),
        "waive": (),
        "notes": "The number of sentences works better than a number of words.",
        "author": "Ada",
        "parent": "sum.up@1.9.0",
        "origin": "sum.md.j2",
        "first_line": 23,
    }
    assert template.variables["text"].is_required
    assert template.variables["sentences"].default == 3
    assert template.render({"text": "x"})[0].content == "Sum up in 3 sentences:\nx"


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("version: 1.10", "1.10.0"),
        ("version: 1.0 # the first", "1.0.0"),
        ('version: "1.2"', "1.2.0"),
        ("version: 2.0.0", "2.0.0"),
        ("tags: [a]", "1.0.0"),
    ],
)
def test_version_is_read_as_it_is_written(line: str, version: str) -> None:  # P-16
    """1.10 is no number, though YAML takes it for one; without a version it is 1.0.0."""
    assert read_template(f"---\nid: a\n{line}\n---\nx", origin="a.j2").version == version


def test_windows_line_ends_do_not_matter() -> None:
    """The same file saved elsewhere is the same template."""
    there = read_template(WHOLE.replace("\n", "\r\n"), origin="sum.md.j2")

    assert there.hash == read_template(WHOLE, origin="sum.md.j2").hash


@dataclass(frozen=True)
class Case:
    id: str
    text: str
    said: tuple[str, ...]


CASES = [
    Case("no front matter", "Hello", ("a.j2, line 1", "a line `---`", "id: some.name")),
    Case("front matter without an end", "---\nid: a\nHello", ("a.j2, line 1",)),
    Case("broken YAML", "---\nid: a\ntags: [a\n---\nx", ("a.j2, line 3: column 7",)),
    Case("a list", "---\n- id\n---\nx", ("a.j2, line 2", "mapping")),
    Case("no id", "---\nname: a\n---\nx", ("id: Field required",)),
    Case("no text", "---\nid: a\n---\n", ("line 4: source", "at least 1 character")),
    Case("the same key twice", "---\nid: a\nid: b\n---\nx", ("line 3", "the key 'id' is there twice")),
    Case(
        "all problems at once",
        "---\nid: a b\nversion: abc\ntag: [x]\nvariables:\n  n: {type: int}\n---\nx",
        (
            "line 2: id",
            "line 3: version: The version 'abc'",
            "line 4: tag: there is no such field. Did you mean 'tags'?",
            "line 6: variables.n.type",
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_file_is_refused(case: Case) -> None:
    """The message has the file, the line and what would be right."""
    with pytest.raises(PromptError) as raised:
        read_template(case.text, origin="a.j2")

    assert [part for part in case.said if part not in str(raised.value)] == []


def test_lines_are_counted_in_the_file() -> None:
    """A fault in the text is reported with the line of the file, front matter included."""
    with pytest.raises(PromptError, match=r"a\.j2, line 6: "):
        read_template("---\nid: a\nversion: 1.0.0\n---\nfine\n{{ x | nothing }}\n", origin="a.j2").render({"x": 1})


def test_what_is_written_is_read_back() -> None:
    """A template as a file's text gives the same template again, wherever it was read from."""
    template = read_template(WHOLE, origin="a.j2")
    again = read_template(written_template(template), origin="a.j2")

    assert again.model_copy(update={"first_line": template.first_line}) == template
    assert written_template(PromptTemplate(id="t", source="Hi")) == "---\nid: t\nversion: 1.0.0\n---\nHi"


def test_default_of_null_is_written() -> None:
    """A variable that need not be given is not asked for after it was written and read."""
    template = read_template("---\nid: a\nvariables:\n  x: {default: null}\n---\n{{ x }}!\n", origin="a.j2")
    again = read_template(written_template(template), origin="a.j2")

    assert (again.hash, again.variables["x"].is_required) == (template.hash, False)
