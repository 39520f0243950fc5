"""Semantic versions and ranges of them."""

from dataclasses import dataclass

import pytest

from agentic_prefect.prompting.errors import PromptError
from agentic_prefect.prompting.versions import parse_range, parse_version


@pytest.mark.parametrize(
    ("text", "full"), [("1.0", "1.0.0"), ("2", "2.0.0"), ("1.10.3", "1.10.3"), ("2.0.0-draft", "2.0.0-draft")]
)
def test_short_version_is_completed_with_zeros(text: str, full: str) -> None:  # P-55
    """Parts that are left out are 0."""
    assert str(parse_version(text)) == full


@pytest.mark.parametrize("text", ["abc", "", "v1.0.0", "1.0.0.0", "01.0.0", "1.x"])
def test_what_is_no_version_is_refused(text: str) -> None:  # P-55
    """The message shows the text and the right form."""
    with pytest.raises(PromptError, match=r"MAJOR\.MINOR\.PATCH, such as 1\.0\.0") as raised:
        parse_version(text)

    assert repr(text) in str(raised.value)


@dataclass(frozen=True)
class Case:
    range: str
    inside: tuple[str, ...]
    outside: tuple[str, ...]


CASES = [
    Case("^1.9", ("1.9.0", "1.10.0", "1.99.99"), ("1.8.9", "2.0.0", "2.0.0-draft", "1.10.0-draft")),
    Case("^0.2", ("0.2.0", "0.2.9"), ("0.3.0", "0.1.9")),
    Case("^0.0.3", ("0.0.3",), ("0.0.4", "0.0.2")),
    Case("~1.2", ("1.2.0", "1.2.9"), ("1.3.0", "1.1.9")),
    Case(">=1.2, <1.5", ("1.2.0", "1.4.9"), ("1.5.0", "1.1.0")),
    Case("> 1.2 <= 1.5", ("1.2.1", "1.5.0"), ("1.2.0", "1.5.1")),
    Case("1.2", ("1.2.0",), ("1.2.1",)),
    Case("=1.2.0", ("1.2.0",), ("1.2.1",)),
    Case(">=1, =1.4", ("1.4.0",), ("1.5.0",)),
    Case("2.0.0-draft", ("2.0.0-draft",), ("2.0.0",)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.range)
def test_range(case: Case) -> None:
    """A range holds what is compatible, and no pre-release unless it is named."""
    holds = parse_range(case.range)

    assert [text for text in (*case.inside, *case.outside) if holds(parse_version(text))] == list(case.inside)


@pytest.mark.parametrize("text", ["", "^", "1.2 or 1.3", "^abc", ">=", "1.2 ||"])
def test_what_is_no_range_is_refused(text: str) -> None:
    """The message says what can be written."""
    with pytest.raises(PromptError, match=r"\^1\.2|MAJOR"):
        parse_range(text)
