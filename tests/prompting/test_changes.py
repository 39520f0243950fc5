"""What changed between two versions."""

from typing import Any

import pytest

from agentic_prefect.prompting.changes import breaking_changes, diff, is_breaking_allowed, undeclared_breaks
from tests.prompting.samples import registry_of, template


def test_diff_of_two_versions_can_be_printed() -> None:  # P-48
    """Front matter and text are compared as they stand in a file."""
    before = template("a", "Sum up {{ text }}.\n", variables={"text": "string"})
    after = template("a", "Sum up {{ text }} briefly.\n", version="1.1.0", variables={"text": "string"})

    assert diff(before, after) == (
        "--- a@1.0.0\n+++ a@1.1.0\n@@ -1,8 +1,8 @@\n ---\n id: a\n-version: 1.0.0\n+version: 1.1.0\n variables:\n"
        "   text:\n     type: string\n ---\n-Sum up {{ text }}.\n+Sum up {{ text }} briefly.\n"
    )
    assert diff(before, before) == ""


CASES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"x": "string"}, {"x": "string"}, []),
    ({"x": "string"}, {"x": "string", "y": {"default": 1}}, []),
    ({"x": "string", "y": "string"}, {"x": "string"}, []),
    ({"x": "string"}, {"x": "string", "y": "string"}, ["`y` is required, and was not there before"]),
    ({"x": {"default": ""}}, {"x": "any"}, ["`x` is required, and was not"]),
    ({"x": "any"}, {"x": "array"}, ["`x` must be of the type array; it could be of the type any"]),
    ({"x": "integer"}, {"x": "number"}, []),
    ({"x": "array"}, {"x": "any"}, []),
]


@pytest.mark.parametrize(("before", "after", "expected"), CASES)
def test_what_breaks_those_who_use_it(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    """More is asked for than before."""
    registry = registry_of(template("a", "x", variables=before), template("a", "y", version="1.1.0", variables=after))
    old, new = (registry.program(registry.get(f"a@{version}")) for version in ("1.0.0", "1.1.0"))

    assert list(breaking_changes(old, new)) == expected


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [("1.0.0", "1.1.0", False), ("1.0.0", "1.0.1", False), ("1.9.0", "2.0.0", True), ("0.1.0", "0.2.0", True)],
)
def test_only_a_new_major_version_may_break(before: str, after: str, allowed: bool) -> None:
    """Before 1.0.0 the minor version says so."""
    assert is_breaking_allowed(before, after) is allowed


def test_minor_version_that_adds_a_required_variable_is_flagged() -> None:  # P-57
    """The flag says what broke and which version it would have to be; one used without being declared counts, too."""
    registry = registry_of(
        template("a", "{{ x }}"),
        template("a", "{{ x }} {{ y }}", version="1.1.0"),
        template("a", "{{ x }} {{ y }} {{ z }}", version="2.0.0"),
        template("a", "{{ x }} {{ q }}", version="2.1.0-draft"),
    )

    assert undeclared_breaks(registry, "a") == (
        "1.1.0 breaks what uses 1.0.0: `y` is required, and was not there before. Give a default, or make it a new "
        "major version, 2.0.0.",
    )
