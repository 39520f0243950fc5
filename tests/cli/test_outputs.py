"""Places for a result: looked at before anything is spent."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentic_prefect.cli.outputs import UnknownFormat, prepare, require_apart
from agentic_prefect.cli.usage import OutputUnwritable
from tests.cli.conftest import Command


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


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-o", "plan.yaml", "--format", "yaml"), "'plan.yaml' is what the run is read from"),
        (("-o", "link.yaml"), "'link.yaml' is what the run is read from"),
        (("-o", "in.json", "--inputs-file", "in.json"), "'in.json' is what the run is read from"),
        (("--stream", "jsonl:plan.yaml"), "'plan.yaml' is what the run is read from"),
        (("-o", "a.json", "--stream", "jsonl:a.json"), "'a.json' would be written twice"),
        (("-o", "a.json", "-o", "./a.json"), "'./a.json' would be written twice"),
        (("-o", "-", "-o", "-"), "'-' would be written twice"),
    ],
)
def test_a_file_that_is_read_or_written_already_is_refused(
    arguments: tuple[str, ...], told: str, tmp_path: Path, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result never takes the place of the plan, the inputs, the events or another result, by a link either."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text("name: p\ntasks: [{id: a, description: A}]\n")
    (tmp_path / "in.json").write_text("{}")
    (tmp_path / "link.yaml").symlink_to("plan.yaml")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}

    done = cli("rehearse", "plan.yaml", "-q", *arguments)

    assert done.code == 2
    assert told in done.err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_a_device_may_be_named_twice(tmp_path: Path) -> None:
    """Nothing that is written there could be lost."""
    require_apart(["/dev/null", "/dev/null"], [tmp_path / "plan.yaml"])
