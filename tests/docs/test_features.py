"""`docs/features.md` and the tests name the same rows and the same tests."""

from __future__ import annotations

from pathlib import Path

from tests.docs.features import PAGE, cited, read, render, wording_in

TESTS = '''
import pytest


@pytest.mark.parametrize("case", [1])
async def test_comment(case: int) -> None:  # F-21, CT-03
    """Cites by comment."""
    assert "F-99"


class TestGroup:
    def test_docstring(
        self,
    ) -> None:
        """Cites by docstring (P-08)."""  # A-Q3
        note = "A-01"
        assert note  # L-01


def test_none() -> None:
    """Cites nothing, F-1 and UTF-08 included."""


def not_a_test() -> None:  # U-01
    pass
'''


def test_the_page_agrees_with_the_tests(repository: Path) -> None:
    """Every cited row stands on the page with exactly the tests that cite it, and nothing else does."""
    on_page = {row.id: row.tests for row in read(PAGE.read_text())}

    assert on_page == cited(repository), "docs/features.md is out of step with the tests: run `make features`"


def test_every_row_says_what_it_is() -> None:
    """A row's words stand on the page, so that it can be read alone."""
    assert [row.id for row in read(PAGE.read_text()) if not row.wording] == []


def test_citations_are_read_from_a_tests_head(tmp_path: Path) -> None:
    """The docstring and the comments up to its end cite; what the body mentions does not."""
    path = tmp_path / "tests" / "a" / "test_b.py"
    path.parent.mkdir(parents=True)
    path.write_text(TESTS)

    assert cited(tmp_path) == {
        "F-21": ("tests/a/test_b.py::test_comment",),
        "CT-03": ("tests/a/test_b.py::test_comment",),
        "P-08": ("tests/a/test_b.py::TestGroup::test_docstring",),
        "A-Q3": ("tests/a/test_b.py::TestGroup::test_docstring",),
    }


def test_a_written_page_reads_back() -> None:
    """What `render` writes, `read` finds again, in the page's order."""
    tests = {
        "P-10": ("tests/p.py::test_b",),
        "P-09": ("tests/p.py::test_a", "tests/p.py::test_b"),
        "F-02": ("t.py::x",),
    }
    wording = {"F-02": "a \\| b", "P-09": "nine", "P-10": "ten"}

    rows = read(render(tests, wording))

    assert [row.id for row in rows] == ["F-02", "P-09", "P-10"]
    assert {row.id: row.tests for row in rows} == tests
    assert {row.id: row.wording for row in rows} == wording


def test_wording_is_taken_without_remarks() -> None:
    """The words of a row are the feature's; remarks about where it came from stay behind."""
    features = (
        "| F-08 | dict with **four** keys (the gem loses one) | x |\n| L-01 | task.rb | Unit of work. Defect: y | z |\n"
        "| A-Q3 | *Which?* Source: one. -> Feature: several kinds | x |\n"
    )

    assert wording_in(features) == {"F-08": "dict with four keys", "L-01": "Unit of work", "A-Q3": "several kinds"}
