"""Looks at a table for what is probably wrong with it. Pure functions, called by the plan `data_quality`."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from io import StringIO
from statistics import quantiles
from typing import Any, Final

MAX_MISSING_RATIO: Final = 0.05
"""A column with a larger share of empty cells is reported."""
MIN_NUMERIC_RATIO: Final = 0.8
"""A column with at least this share of numbers is taken for one of numbers."""
FENCE: Final = 1.5
"""Tukey's factor: beyond the quartiles by this many times their distance a number is an outlier."""
MIN_FOR_OUTLIERS: Final = 5
"""With fewer numbers the quartiles say nothing."""
SHOWN: Final = 3
"""Values given as examples of a finding."""


def profile(csv_text: str) -> dict[str, Any]:
    """What a table consists of: rows, columns, and for each column its kind, gaps, spread and numbers.

    Args:
        csv_text: Comma-separated values with a line of names at the top.

    Raises:
        ValueError: There is no line of names, a name stands twice, or a row has too many cells.
    """
    names, rows = _read(csv_text)
    return {
        "rows": len(rows),
        "duplicate_rows": len(rows) - len(set(rows)),
        "columns": [_column(name, [row[place] for row in rows]) for place, name in enumerate(names)],
    }


def findings(table: dict[str, Any]) -> list[dict[str, Any]]:
    """What is probably wrong with a table, the most rows concerned first; an empty list when nothing is.

    Args:
        table: A profile as `profile` makes it.
    """
    found: list[dict[str, Any]] = []
    if table["duplicate_rows"]:
        found.append(_finding("", "duplicate rows", table["duplicate_rows"], "each is the same as an earlier row"))
    for column in table["columns"]:
        found += _findings_of(column, table["rows"])
    return sorted(found, key=lambda finding: -finding["rows"])


def plain_report(name: str, table: dict[str, Any], problems: Sequence[dict[str, Any]]) -> str:
    """A report in Markdown made without a model.

    Args:
        name: What the table is called.
        table: Its profile.
        problems: Its findings.
    """
    head = [f"# {name}", "", f"{table['rows']} rows, {len(table['columns'])} columns."]
    if not problems:
        return "\n".join([*head, "Nothing was found to be wrong."])
    lines = [
        f"| {each['column'] or '(whole row)'} | {each['problem']} | {each['rows']} | {each['detail']} |"
        for each in problems
    ]
    return "\n".join([*head, "", "| Column | Problem | Rows | Detail |", "| --- | --- | ---: | --- |", *lines])


def _read(csv_text: str) -> tuple[list[str], list[tuple[str, ...]]]:
    lines = [[cell.strip() for cell in line] for line in csv.reader(StringIO(csv_text.strip())) if line]
    if not lines or not all(lines[0]):
        raise ValueError(f"The table needs a first line with a name for each column, got {csv_text[:60]!r}.")
    names, *rows = lines
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"The table has two columns called {twice[0]!r}. Give every column a name of its own.")
    for number, row in enumerate(rows, start=2):
        if len(row) > len(names):
            raise ValueError(f"Row {number} of the table has {len(row)} cells for {len(names)} columns.")
    return names, [(*row, *[""] * (len(names) - len(row))) for row in rows]


def _column(name: str, cells: Sequence[str]) -> dict[str, Any]:
    filled = [cell for cell in cells if cell]
    numbers = [number for cell in filled if (number := _number(cell)) is not None]
    is_numeric = bool(filled) and len(numbers) >= MIN_NUMERIC_RATIO * len(filled)
    column: dict[str, Any] = {
        "name": name,
        "kind": "number" if is_numeric else "text",
        "missing": len(cells) - len(filled),
        "distinct": len(set(filled)),
        "not_numbers": [cell for cell in filled if _number(cell) is None] if is_numeric else [],
        "outliers": _outliers(numbers) if is_numeric else [],
    }
    if is_numeric:
        column |= {"min": min(numbers), "max": max(numbers)}
    return column


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _outliers(numbers: Sequence[float]) -> list[float]:
    if len(numbers) < MIN_FOR_OUTLIERS:
        return []
    low, _, high = quantiles(numbers, n=4)
    reach = FENCE * (high - low)
    return [number for number in numbers if not low - reach <= number <= high + reach]


def _findings_of(column: dict[str, Any], rows: int) -> Iterable[dict[str, Any]]:
    name = column["name"]
    if column["missing"] > MAX_MISSING_RATIO * rows:
        yield _finding(name, "missing values", column["missing"], f"{column['missing']} of {rows} cells are empty")
    if column["not_numbers"]:
        yield _finding(name, "not a number", len(column["not_numbers"]), _examples(column["not_numbers"]))
    if column["outliers"]:
        detail = f"{_examples(column['outliers'])}; all lie between {column['min']:g} and {column['max']:g}"
        yield _finding(name, "outliers", len(column["outliers"]), detail)
    if rows > 1 and column["distinct"] == 1 and not column["missing"]:
        yield _finding(name, "always the same", rows, "the column says nothing")


def _finding(column: str, problem: str, rows: int, detail: str) -> dict[str, Any]:
    return {"column": column, "problem": problem, "rows": rows, "detail": detail}


def _examples(values: Sequence[object]) -> str:
    shown = ", ".join(f"{value:g}" if isinstance(value, float) else repr(value) for value in values[:SHOWN])
    return f"{shown}, …" if len(values) > SHOWN else shown
