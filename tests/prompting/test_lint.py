"""Lint: everything that is wrong with a template, by line."""

from dataclasses import dataclass

import pytest

from agentic_prefect.prompting.lint import lint, lint_text
from agentic_prefect.prompting.registry import default_registry
from agentic_prefect.prompting.sources import file_text, shipped_folder, template_files
from agentic_prefect.prompting.work_variables import GIVEN, data_of
from tests.prompting.samples import make_work, template

GOOD = """---
id: sum.up
description: Sums up a text.
variables:
  text: string
tests:
  - {data: {text: x}, expect: [x]}
---
Sum this up: {{ text }}

# Output Requirements

One sentence.
"""


def findings(text: str, *, strict: bool = False) -> list[str]:
    """What is said about a file, as `line severity rule`."""
    found = lint_text(text, origin="a.j2", registry=default_registry(), strict=strict)
    return [f"{each.line} {each.severity} {each.rule}" for each in found]


@dataclass(frozen=True)
class Case:
    """A file, and what is said about it."""

    id: str
    text: str
    found: tuple[str, ...]
    said: str = ""


CASES = [
    Case("good", GOOD, ()),
    Case("no front matter", "Hello\n", ("1 error front-matter",), "begins with front matter"),
    Case(
        "two faults in front matter",
        GOOD.replace("id: sum.up", "id: sum up").replace("tests:", "tsts:"),
        ("2 error front-matter", "6 error front-matter"),
        "Did you mean 'tests'?",
    ),
    Case("syntax", GOOD.replace("{{ text }}", "{{ text,"), ("11 error syntax",), "unexpected char '#'"),
    Case("unclosed block", GOOD.replace("One sentence.", "{% if text %}"), ("13 error syntax",), "end of template"),
    Case("forbidden name", GOOD.replace("{{ text }}", "{{ text.__class__ }}"), ("9 error syntax",), "off limits"),
    Case(
        "two forbidden things",
        GOOD.replace("{{ text }}", "{{ text | pickle }}").replace("One", "{{ text.__x__ }}"),
        ("9 error syntax", "13 error syntax"),
    ),
    Case(
        "unknown variable",
        GOOD.replace("{{ text }}", "{{ text }}\n{{ txet }}"),
        ("10 error unknown-variable",),
        "the variable 'txet' is not declared under `variables`. Did you mean 'text'?",
    ),
    Case(
        "unknown parent",
        GOOD.replace("Sum this", "{% extends 'agent.defalt' %}"),
        ("9 error unknown-template",),
        "Did you mean 'agent.default'?",
    ),
    Case(
        "text outside of blocks",
        GOOD.replace("Sum this", "{% block user %}x{% endblock %}\nSum this"),
        ("10 error syntax",),
        "inside of blocks",
    ),
    Case(
        "unused variable",
        GOOD.replace("  text: string", "  text: string\n  tone: string"),
        ("6 warning unused-variable",),
        "'tone' is declared and never shown",
    ),
    Case(
        "no output requirements",
        GOOD.replace("# Output Requirements", "# Remarks"),
        ("9 warning no-output",),
        "nothing says what the answer must look like",
    ),
    Case("no description", GOOD.replace("description: Sums up a text.\n", ""), ("2 warning no-description",)),
    Case("no tests", GOOD[: GOOD.index("tests")] + GOOD[GOOD.index("---\nSum") :], ("2 warning no-tests",)),
    Case(
        "waived",
        GOOD.replace("# Output Requirements", "# Remarks").replace("id: ", "waive: [no-output]\nid: "),
        (),
    ),
]

FOR_TASKS = """---
id: x
task_type: agent
description: d
tests: [{task: {description: x}, expect: [x]}]
---
"""


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_findings(case: Case) -> None:  # P-52, P-28
    """Each fault is told with its line and its reason, and nothing else is."""
    assert findings(case.text) == list(case.found)

    told = lint_text(case.text, origin="a.j2", registry=default_registry())
    assert case.said in " ".join(each.message for each in told)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("{% extends 'agent.default' %}\n{% block special %}{{ super() }}Be kind.{% endblock %}\n", []),
        (
            "{% extends 'agent.default' %}\n{% block specail %}Be kind.{% endblock %}\n",
            ["8 error orphan-block"],
        ),
        ("{% extends 'agent.default' %}\n{% block task %}Do it.{% endblock %}\n", ["7 error missing-section"]),
        (
            "{% extends 'agent.default' %}\n{% block user %}{{ description }}{% endblock %}\n",
            [
                "7 error missing-section",
                "7 error missing-section",
                "7 warning no-feedback",
                "7 warning no-output",
            ],
        ),
        ("{% extends 'agent.default' %}\n{% block output %}{% endblock %}\n", ["7 warning no-output"]),
        (
            "{{ description }}{{ context }}{{ input }}{{ output_schema }}{{ feedback }}{{ tools }}\n",
            [],
        ),
    ],
    ids=["adds", "misspelt block", "task lost", "message overridden", "no output", "stands alone"],
)
def test_template_for_tasks_shows_what_a_task_gives(body: str, found: list[str]) -> None:  # P-52, P-28
    """A section that is overridden away is missing; what the parent still shows is not."""
    assert findings(FOR_TASKS + body) == found


def test_strict_mode_takes_no_doubt() -> None:  # P-53
    """A template that does not say what to answer is refused; the same one with that section passes."""
    without = GOOD.replace("# Output Requirements", "# Remarks")

    assert findings(without) == ["9 warning no-output"]
    assert findings(without, strict=True) == ["9 error no-output"]
    assert findings(GOOD, strict=True) == []


def test_template_from_code_is_looked_over() -> None:
    """It has no file; its name and the lines of its text take its place."""
    (finding,) = [
        each for each in lint(template("t", "Hi\n{{ x }}"), registry=default_registry()) if each.severity == "error"
    ]

    assert str(finding).startswith("template 't@1.0.0':2: error: the variable 'x' is not declared under `variables`")


def test_shipped_templates_are_flawless() -> None:
    """They pass in strict mode."""
    registry = default_registry()
    paths = template_files(shipped_folder())

    assert {"default.md.j2", "judge.md.j2", "summary.md.j2"} <= {path.name for path in paths}
    for path in paths:
        assert lint_text(file_text(path), origin=str(path), registry=registry, strict=True) == ()


def test_names_that_a_task_gives_are_all_known() -> None:
    """The list that lint goes by is what the builder gives."""
    assert set(data_of(make_work(), given=None, output=None)) | {"context", "examples", "reasoning"} == GIVEN
