"""The page of the command line maps every command of the old program, and names only commands that there are."""

import re
from pathlib import Path

import pytest

from agentic_prefect.cli.app import make_app

OLD = (
    "agentic version", "agentic plan", "--output", "--save", "--model", "--no-interactive", "--execute",
    "agentic execute", "--plan", "--from-stdin", "--async", "--max-concurrency", "--file", "agentic agent list",
    "agentic agent create", "--role", "--purpose", "--backstory", "--capabilities", "agentic agent delete",
    "agentic config list", "agentic config set", "--global", "agentic capabilities list", "--verbose", "--quiet",
    "--config", "Ctrl-C", "--workspace", "--no-color", "--no-file-logging", "--log-path", "portal",
)  # fmt: skip


@pytest.fixture(scope="module")
def rows(repository: Path) -> list[tuple[str, str]]:
    """The table: what was there, and what is here."""
    text = (repository / "docs" / "cli.md").read_text().partition("## From the")[2]
    cells = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [(there, here) for there, here in cells[1:]]


@pytest.mark.parametrize("word", OLD)
def test_each_old_command_and_flag_has_its_row(word: str, rows: list[tuple[str, str]]) -> None:
    """None is passed over, and each says what took its place."""  # CT-01
    found = [here for there, here in rows if word in there]

    assert found
    assert all(len(here.strip()) > 3 for here in found)


def test_each_command_that_a_page_names_is_there(repository: Path) -> None:
    """A reader can type what stands in the guides."""
    known = set(make_app())
    pages = [*(repository / "docs").glob("*.md"), repository / "README.md", repository / "deployments" / "README.md"]
    named = {
        (page.name, word)
        for page in pages
        for word in re.findall(r"agentic-prefect ([a-z][a-z-]*)\b", page.read_text())
        if page.name != "features.md"
    }
    prose = {"and", "is", "in"}

    assert {(page, word) for page, word in named if word not in known | prose} == set()
