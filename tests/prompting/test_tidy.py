"""The last pass over a message."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentic_prefect.prompting.tidy import heading_lines, tidy


@dataclass(frozen=True)
class Case:
    id: str
    text: str
    expected: str


CASES = [
    Case("space at line ends goes", "a  \nb\t\nc ", "a\nb\nc"),
    Case("blank lines at both ends go", "\n\n  a\n\n", "  a"),
    Case("three blank lines become one", "a\n\n\n\nb", "a\n\nb"),
    Case("three lines of spaces become one", "a\n \n\t\n  \nb", "a\n\nb"),
    Case("two blank lines stay, as in code", "a\n\n\nb", "a\n\n\nb"),
    Case("lists stay lists", "Keep:\n\n- a\n- b\n  - c", "Keep:\n\n- a\n- b\n  - c"),
    Case("line ends of Windows", "a\r\nb", "a\nb"),
    Case("a heading without text goes", "# One\n\n# Two\n\ntext", "# Two\n\ntext"),
    Case("a heading at the end goes", "# One\n\ntext\n\n# Two", "# One\n\ntext"),
    Case("a heading with a part below stays", "# One\n\n## Part\n\ntext", "# One\n\n## Part\n\ntext"),
    Case("empty parts take their heading with them", "# One\n\n## Part\n\n# Two\n\ntext", "# Two\n\ntext"),
    Case("nothing but headings", "# One\n\n# Two", ""),
    Case("headings of data stay", "# Two\n\n# data\n\n# other data", "# Two\n\n# data\n\n# other data"),
    Case("a heading within a line stays", "see # One", "see # One"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_tidy(case: Case) -> None:  # P-13, P-19
    """A message ends up readable, and only the template's own headings are removed."""
    assert tidy(case.text, {"# One", "# Two", "## Part"}) == case.expected


@given(st.text(alphabet=" \t\n#ab", max_size=60))
def test_tidy_text_stays_as_it_is(text: str) -> None:
    """What was tidied once is tidy."""
    once = tidy(text, {"# a", "# b"})

    assert tidy(once, {"# a", "# b"}) == once


@given(st.text(alphabet=" \t\r\n#ab", max_size=60))
def test_no_space_at_line_ends_and_no_three_blank_lines(text: str) -> None:  # P-19
    """Both hold for every text."""
    tidied = tidy(text.replace("\r", "\r\n"))

    assert not any(line.endswith((" ", "\t")) for line in tidied.split("\n"))
    assert "\n\n\n\n" not in tidied


def test_heading_lines() -> None:
    """One to six marks, a space and a text make a heading."""
    assert heading_lines("# a\n#b\n ## c\n###### d  \n####### e\ntext # f") == {"# a", "###### d"}
