"""What the documents point at exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

TOP_FOLDERS = ("agentic_prefect", "flows", "prompts", "deployments", "tests", "docs", "benchmarks", ".ci")
DOCUMENTS = ["README.md", "CHANGELOG.md", *(f"docs/{path.name}" for path in sorted((REPOSITORY / "docs").glob("*.md")))]

_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)|<(?:img|source)[^>]+src(?:set)?=\"([^\"]+)\"")
_PATH = re.compile(rf"(?<![\w./-])((?:{'|'.join(map(re.escape, TOP_FOLDERS))})/[\w./*-]*)")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_is_named_exists(document: str) -> None:
    """No document names a file or folder of the repository that is not there."""
    missing = dead_paths((REPOSITORY / document).read_text(), REPOSITORY / document)

    assert missing == [], f"{document} names what does not exist: {', '.join(missing)}"


def test_a_dead_path_is_found(tmp_path: Path) -> None:
    """Links, pictures, and paths in prose and in code are all looked at."""
    (tmp_path / "here.md").touch()
    text = (
        '[there](here.md#part) [gone](gone.md) ![picture](docs/images/no.png) <img src="lost.svg"> `flows/no_such.py`\n'
        "```bash\nagentic-prefect run flows/plans/none.yaml\n```\n"
        "https://example.org/docs/elsewhere `flows/plans/*.nothing`\n"
    )

    assert dead_paths(text, tmp_path / "page.md") == [
        "gone.md",
        "docs/images/no.png",
        "lost.svg",
        "flows/no_such.py",
        "flows/plans/none.yaml",
        "flows/plans/*.nothing",
    ]


def dead_paths(text: str, document: Path) -> list[str]:
    """The paths that `text`, as the content of `document`, names and that lead nowhere, in order and once each."""
    links = [one or other for one, other in _LINK.findall(text)]
    relative = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    named = [path.rstrip(".").split("::")[0] for path in _PATH.findall(re.sub(r"\w+://\S+", "", text))]
    dead = [path for path in relative if not (document.parent / path).exists()]
    dead += [path for path in named if not any(REPOSITORY.glob(path.rstrip("/")))]
    return list(dict.fromkeys(dead))
