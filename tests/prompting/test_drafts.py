"""Drafts of prompt templates."""

from pathlib import Path

import pytest

from agentic_prefect.prompting.drafts import flaws, next_draft, published, template_path
from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.template_test import TemplateTest
from tests.prompting.samples import registry_of, template


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["1.0.0"], "1.1.0-draft.1"),
        (["1.0.0", "1.4.2", "1.1.0-draft.1"], "1.5.0-draft.1"),
        (["1.0.0", "1.1.0-draft.1", "1.1.0-draft.2"], "1.1.0-draft.3"),
        (["1.0.0", "1.1.0-mine"], "1.1.0-draft.1"),
        (["1.0.0-draft.1"], "0.1.0-draft.1"),
    ],
)
def test_draft_is_of_the_next_minor_version(versions: list[str], expected: str) -> None:
    """Numbered from 1; drafts of what has been published since do not count."""
    assert next_draft("a", versions) == expected


def test_refinements_are_bounded() -> None:  # P-38
    """Three may wait for a person, and the message names them."""
    with pytest.raises(PromptError, match=r"3 drafts.*1\.1\.0-draft\.1, 1\.1\.0-draft\.2, 1\.1\.0-draft\.3"):
        next_draft("a", ["1.0.0", *(f"1.1.0-draft.{number}" for number in (1, 2, 3))])


def test_draft_becomes_a_version() -> None:
    """The text and thus the hash stay; what is no draft has nothing to become."""
    draft = template("a", version="1.1.0-draft.2", parent="a@1.0.0")

    assert published(draft).version == "1.1.0"
    assert (published(draft).hash, published(draft).parent) == (draft.hash, "a@1.0.0")
    with pytest.raises(PromptError, match=r"a@1\.1\.0 is no draft"):
        published(published(draft))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("Say {{ x }}.\n", "The text is the same as before."),
        ("Say {{ x }} {% if %}", "Line 1: "),
        ("Say {{ x }} to {{ whom }}, please.", "`whom` is required, and was not there before. Use the variables"),
        ("Tell {{ x }}.", "The test 'says it' fails: this is not in the prompt"),
    ],
)
def test_what_keeps_a_draft_from_being_used(source: str, problem: str) -> None:
    """It does not differ, does not compile, needs more data, or fails a test."""
    tests = (TemplateTest(name="says it", data={"x": "hi"}, expect=("Say hi",)),)
    before = template("a", "Say {{ x }}.", tests=tests)
    draft = template("a", source, version="1.1.0-draft.1", tests=tests)

    assert problem in "\n".join(flaws(draft, before, registry_of(before)))
    assert (
        flaws(template("a", "Say {{ x }}, please.", version="1.1.0-draft.1", tests=tests), before, registry_of(before))
        == ()
    )


def test_file_is_named_after_id_and_version() -> None:
    """What stands before a dot is a folder."""
    assert template_path(Path("p"), template("a.b.c", version="1.1.0")) == Path("p/a/b/c-1.1.0.md.j2")
