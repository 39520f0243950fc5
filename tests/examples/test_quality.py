"""The functions that the plan `data_quality` calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from agentic_prefect.examples.quality import findings, plain_report, profile

ROWS = "\n".join(f"{number},{20 + number % 3}" for number in range(1, 21))


@dataclass(frozen=True)
class Case:
    """A table and what is found in it, as (column, problem, rows)."""

    id: str
    table: str
    found: list[tuple[str, str, int]]


CASES = [
    Case("nothing", f"id,amount\n{ROWS}", []),
    Case("a gap in one of twenty", f"id,amount\n{ROWS.replace('1,21', '1,', 1)}", []),
    Case("gaps", "id,name\n1,a\n2,\n3,c\n4,", [("name", "missing values", 2)]),
    Case("a row twice", "id,name\n1,a\n1,a\n2,b", [("", "duplicate rows", 1)]),
    Case("text among numbers", "id\n1\n2\n3\n4\nn/a", [("id", "not a number", 1)]),
    Case("mostly text", "id\n1\n2\nx\ny\nz", []),
    Case("an outlier", f"id,amount\n{ROWS}\n21,9999", [("amount", "outliers", 1)]),
    Case("one value only", "id,land\n1,NO\n2,NO\n3,NO", [("land", "always the same", 3)]),
    Case("a short row", "id,name\n1\n2,b\n3,c", [("name", "missing values", 1)]),
    Case("no rows", "id,name", []),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_findings(case: Case) -> None:
    """What is wrong with a table follows from its cells alone, the most rows first."""
    found = findings(profile(case.table))

    assert [(each["column"], each["problem"], each["rows"]) for each in found] == case.found


def test_a_profile_has_the_spread_of_each_column() -> None:
    """Numbers get their ends, text its distinct values."""
    table = profile("amount,land\n3,NO\n1.5,SE\n2,NO")
    amount, land = table["columns"]

    assert table["rows"] == 3
    assert (amount["kind"], amount["min"], amount["max"]) == ("number", 1.5, 3.0)
    assert (land["kind"], land["distinct"], "min" in land) == ("text", 2, False)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "first line with a name"),
        ("a,,c\n1,2,3", "first line with a name"),
        ("a,a\n1,2", "two columns"),
        ("a\n1,2", "Row 2"),
    ],
)
def test_a_table_without_form_is_refused(table: str, message: str) -> None:
    """A missing name, a name twice and a row that is too long are told with what would be right."""
    with pytest.raises(ValueError, match=message):
        profile(table)


def test_the_plain_report_lists_the_findings() -> None:
    """The report that needs no model names the table, the column, the problem and how often it is there."""
    table: dict[str, Any] = profile("id,name\n1,a\n2,\n3,c\n4,")

    assert "| name | missing values | 2 | 2 of 4 cells are empty |" in plain_report("Orders", table, findings(table))
    assert "Nothing was found to be wrong." in plain_report("Orders", table, [])
