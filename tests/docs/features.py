"""Keeps `docs/features.md` in step with the tests: each feature's row, and the tests that show it.

A test cites a row in its docstring, or in a comment beside its `def` or its docstring. With `--write` the page is
written anew; a row keeps its wording, and a new row takes it from a list of features given with `--wording`.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PAGE: Final = REPOSITORY / "docs" / "features.md"
DEFAULT_WORDING: Final = REPOSITORY.parent / "shared" / "FEATURES.md"

AREAS: Final = {
    "F": "Failures, retries and fallbacks",
    "A": "Agents and their execution",
    "P": "Prompts",
    "L": "Plans, tasks and what runs them",
    "C": "Commands",
    "CT": "How the command behaves",
    "U": "Beyond a single run",
    "D": "Design",
}
"""Prefix of a row's id -> the heading it stands under, in the page's order."""

_ID: Final = re.compile(rf"\b(?:{'|'.join(AREAS)})-(?:\d{{2}}|Q\d)\b")
_CELL: Final = re.compile(r"(?<!\\)\|")
_WORDING_COLUMN: Final = {"L": 2, "D": 2}
_REMARK: Final = re.compile(r"^.*-> Feature: |\s*(?:[.;]\s+)?(?:\*{0,2}[Dd]efects?\b|\((?:the gem|the 0\.2\.0)).*$")


@dataclass(frozen=True)
class Row:
    """One finished feature."""

    id: str
    wording: str
    tests: tuple[str, ...]
    """Pytest's names for the tests that show it, sorted; paths are relative to the repository."""


def cited(root: Path) -> dict[str, tuple[str, ...]]:
    """Row id -> the tests under `root` that cite it."""
    found: dict[str, set[str]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        text = path.read_text()
        for name, header in _headers(ast.parse(text), text.splitlines()):
            for row in _ID.findall(header):
                found.setdefault(row, set()).add(f"{path.relative_to(root).as_posix()}::{name}")
    return {row: tuple(sorted(tests)) for row, tests in found.items()}


def read(page: str) -> tuple[Row, ...]:
    """The rows of a page that `render` wrote."""
    rows = (_cells(line) for line in page.splitlines() if line.startswith("| ") and _ID.fullmatch(_cells(line)[0]))
    return tuple(Row(cells[0], cells[1], tuple(re.findall(r"`([^`]+::[^`]+)`", cells[2]))) for cells in rows)


def render(tests: Mapping[str, tuple[str, ...]], wording: Mapping[str, str]) -> str:
    """The page for these citations; a row without a wording stands there bare, and a test refuses it."""
    rows = [Row(row, wording.get(row, ""), tests[row]) for row in sorted(tests, key=_order)]
    parts = [
        "# Features\n",
        "What the package does, and the tests that show it. A test cites its rows (`# F-21`); "
        "`make features` writes this page from those citations, and a test compares the two.\n",
    ]
    for prefix, heading in AREAS.items():
        own = [row for row in rows if row.id.partition("-")[0] == prefix]
        if own:
            parts.append(f"## {heading}\n\n| row | feature | shown by |\n|---|---|---|\n" + "".join(map(_line, own)))
    return "\n".join(parts)


def wording_in(features: str) -> dict[str, str]:
    """Row id -> the words for it in a list of features: Markdown tables with the id in the first column."""
    rows = (_cells(line) for line in features.splitlines() if line.startswith("| "))
    return {
        cells[0]: _REMARK.sub("", cells[_WORDING_COLUMN.get(cells[0].partition("-")[0], 1)]).replace("**", "")
        for cells in rows
        if _ID.fullmatch(cells[0])
    }


def _headers(tree: ast.Module, lines: list[str]) -> Iterator[tuple[str, str]]:
    holders = [("", tree.body)] + [
        (f"{node.name}::", node.body) for node in tree.body if isinstance(node, ast.ClassDef)
    ]
    for holder, body in holders:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                docstring = ast.get_docstring(node)
                end = node.body[0].lineno - 1 if docstring is None else node.body[0].end_lineno or node.lineno
                if end < len(lines) and lines[end].lstrip().startswith("#"):
                    end += 1
                comments = "\n".join(line.partition("#")[2] for line in lines[node.lineno - 1 : end])
                yield f"{holder}{node.name}", f"{comments}\n{docstring or ''}"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _CELL.split(line)[1:-1]]


def _line(row: Row) -> str:
    return f"| {row.id} | {row.wording} | {'<br>'.join(f'`{test}`' for test in row.tests)} |\n"


def _order(row: str) -> tuple[int, str]:
    prefix, _, number = row.partition("-")
    return list(AREAS).index(prefix), number


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or say whether it agrees with the tests."""
    parser = argparse.ArgumentParser(description="Keep docs/features.md in step with the tests.")
    parser.add_argument("--write", action="store_true", help="write the page")
    parser.add_argument("--wording", type=Path, default=DEFAULT_WORDING, help="where new rows take their words from")
    options = parser.parse_args(arguments)
    page = PAGE.read_text() if PAGE.exists() else ""
    given = wording_in(options.wording.read_text()) if options.wording.is_file() else {}
    tests = cited(REPOSITORY)
    fresh = render(tests, given | {row.id: row.wording for row in read(page) if row.wording})
    if options.write:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(fresh)
    state = "is written" if options.write else "agrees" if fresh == page else "is out of step; run `make features`"
    print(f"{len(tests)} rows are shown by tests; the page {state}.")
    return 0 if options.write or fresh == page else 1


if __name__ == "__main__":
    sys.exit(main())
