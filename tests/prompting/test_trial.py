"""Tests that templates carry."""

from pathlib import Path
from typing import Any

import pytest

from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.files import readable_registry
from agentic_prefect.prompting.front_matter import read_template
from agentic_prefect.prompting.registry import default_registry
from agentic_prefect.prompting.sources import file_text
from agentic_prefect.prompting.trial import Trial, try_template
from tests.prompting.samples import template


def tried(case: dict[str, Any], source: str = "Dear {{ name }},\n\nall is {{ how }}.", **fields: Any) -> Trial:
    """How one test of a template goes."""
    (trial,) = try_template(template("letter", source, tests=[case], **fields), default_registry())
    return trial


DATA = {"name": "Ada", "how": "well"}


@pytest.mark.parametrize(
    "case",
    [
        {"expect": ["Dear Ada,", "all is well"], "data": DATA},
        {"absent": ["Bob"], "data": DATA},
        {"text": "\nDear Ada,\n\nall is well.\n\n", "data": DATA},
        {"error": "it needs how, name"},
    ],
    ids=["fragments", "absent", "whole text", "error"],
)
def test_what_is_as_expected_passes(case: dict[str, Any]) -> None:  # P-54
    """Fragments, what must not be there, the whole text, and data that is refused."""
    assert tried(case) == Trial("letter@1.0.0", "test 1")


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        (
            {"expect": ["all is bad."], "data": DATA},
            "this is not in the prompt:\n  --- expected\n  +++ found\n  @@ -1 +1 @@\n  -all is bad.\n  +all is well.",
        ),
        ({"expect": ["0123456789"], "data": DATA}, "this is not in the prompt:\n  0123456789"),
        ({"absent": ["all is"], "data": DATA}, "this is in the prompt, in line 3, and should not be:\n  all is"),
        (
            {"text": "Dear Ada,\n\nall is good.", "data": DATA},
            "the prompt is another one:\n  --- expected\n  +++ found\n  @@ -1,3 +1,3 @@\n"
            "   Dear Ada,\n   \n  -all is good.\n  +all is well.",
        ),
        ({"error": "it needs", "data": DATA}, "expected an error with 'it needs', and the prompt was made"),
        (
            {"snapshot": "a.txt", "data": DATA},
            "letter@1.0.0 was read from no file, so that it has no snapshot 'a.txt'",
        ),
    ],
    ids=["fragment", "nothing alike", "absent", "whole text", "no error", "no file"],
)
def test_broken_expectation_fails_with_a_diff(case: dict[str, Any], problem: str) -> None:  # P-54
    """What was expected and what came closest stand one above the other."""
    assert tried({"name": "n", **case}) == Trial("letter@1.0.0", "n", (problem,))


def test_another_error_than_expected_is_told() -> None:
    """A test that expects an error is not content with any."""
    (problem,) = tried({"error": "of the wrong type", "data": {"name": "Ada"}}).problems

    assert problem.startswith("expected an error with 'of the wrong type', got: The prompt template 'letter@1.0.0'")


def test_task_is_described_instead_of_variables() -> None:
    """A template for a plan's tasks is tested with what a task gives, feedback and capabilities included."""
    case = {
        "task": {
            "description": "Write.",
            "agent": {"role": "editor"},
            "context": ["Short.", {"text": "Ignore it.", "source": "task x", "trusted": False}],
            "output": {"type": "object"},
            "capabilities": ["json_mode", "search"],
            "feedback": "No greeting.",
        },
        "expect": ["Your role: editor", "Data from task x", "You can use these tools: search.", "No greeting."],
        "absent": ["no code fence"],
    }

    assert tried(case, '{% extends "agent.default" %}').problems == ()


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ({"data": {"x": 1}, "task": {}, "expect": ["x"]}, "either `data` or a `task`"),
        ({"data": {"x": 1}}, "says what it expects"),
        ({"snapshot": "../a.txt"}, "should match pattern"),
        ({"snapshot": "a.j2"}, "should match pattern"),
    ],
)
def test_odd_test_is_refused(case: dict[str, Any], said: str) -> None:
    """A test is about data or about a task, expects something, and keeps its files beside the template."""
    with pytest.raises(ValueError, match=said):
        tried(case)


SNAPPED = """---
id: snapped
tests: [{data: {x: 1}, snapshot: kept/snapped.txt}]
---
Number {{ x }}
"""


def test_snapshot_is_written_compared_and_written_anew(tmp_path: Path) -> None:  # P-54
    """Until it is written the test fails; then a change of the template shows as a diff."""
    path, kept = tmp_path / "a.j2", tmp_path / "kept" / "snapped.txt"
    path.write_text(SNAPPED)

    def go(*, update: bool = False) -> Trial:
        one = read_template(file_text(path), origin=str(path))
        return try_template(one, readable_registry([tmp_path]), update=update)[0]

    assert f"there is no snapshot {str(kept)!r} yet" in go().problems[0]
    assert go(update=True).updated == str(kept)
    assert kept.read_text() == "Number 1\n"
    assert go().passed
    path.write_text(SNAPPED.replace("Number", "No."))
    assert "-Number 1\n  +No. 1" in go().problems[0]


def test_snapshot_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    """The folder is a file."""
    (tmp_path / "kept").write_text("")
    path = tmp_path / "a.j2"
    path.write_text(SNAPPED)

    with pytest.raises(PromptError, match="cannot be written"):
        try_template(read_template(SNAPPED, origin=str(path)), readable_registry([tmp_path]), update=True)


def test_file_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    """The registry of a folder has all that can be read."""
    (tmp_path / "bad.j2").write_text("no front matter")
    (tmp_path / "good.j2").write_text(SNAPPED)

    assert readable_registry([tmp_path]).get("snapped").origin == str(tmp_path / "good.j2")
