"""Places for a result: looked at before anything is spent."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentic_prefect.cli.outputs import UnknownFormat, prepare
from agentic_prefect.cli.usage import OutputUnwritable


def test_looking_leaves_a_file_as_it_was(tmp_path: Path) -> None:
    """A file that is there keeps its content, and one that is not does not appear."""
    old, new = tmp_path / "old.json", tmp_path / "new.md"
    old.write_text("before")

    outputs = prepare((str(old), str(new), "-"), None)

    assert [output.format for output in outputs] == ["json", "md", "json"]
    assert old.read_text() == "before"
    assert not new.exists()


@pytest.mark.parametrize("name", ["missing/x.json", "folder.json", "file/x.json"])
def test_a_place_that_cannot_be_written_is_refused(name: str, tmp_path: Path) -> None:
    """A missing folder, a folder and a file in place of a folder are told before the run."""
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputUnwritable, match="Give a file in a folder that exists"):
        prepare((str(tmp_path / name),), None)


def test_a_form_that_is_not_known_is_refused(tmp_path: Path) -> None:
    """The name of a file says in which form it is wanted, or `--format` does."""
    with pytest.raises(UnknownFormat, match=r"\.json, \.yaml"):
        prepare((str(tmp_path / "x.pdf"),), None)

    assert prepare((str(tmp_path / "x.pdf"),), "txt")[0].format == "txt"
