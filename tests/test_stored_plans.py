"""Plans by name and by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentic_prefect.stored_plans import PlanNotFound, PlanUnreadable, find_given, find_plan, read_plan, stored_plans

TEXT = "name: {name}\ntasks: [{{id: a, description: x}}]\n"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders that both hold a plan `twice`."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, names in ((first, ["twice", "alone"]), (second, ["twice", "other"])):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.yaml").write_text(TEXT.format(name=f"{name}-{folder.name}"))
    (second / "notes.txt").write_text("no plan")
    return first, second


def test_an_earlier_folder_hides_a_later_one(folders: tuple[Path, Path]) -> None:
    """Names are looked up in the order of the folders; other files are no plans."""
    assert list(stored_plans(folders)) == ["alone", "other", "twice"]
    assert read_plan("twice", folders=folders).name == "twice-first"


def test_a_file_goes_before_a_stored_plan(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is meant from the base folder, or from the working folder."""
    (tmp_path / "other").write_text(TEXT.format(name="mine"))
    monkeypatch.chdir(tmp_path)

    assert read_plan("other", folders=folders).name == "mine"
    assert read_plan("alone.yaml", base_dir=folders[0], folders=()).name == "alone-first"
    assert find_given("twice", folders=folders).folder == folders[0]


@pytest.mark.parametrize("reference", ["twic", "no/such.yaml"])
def test_what_is_not_there_is_told_with_what_is(reference: str, folders: tuple[Path, Path]) -> None:
    """The message names the stored plans, and the near one."""
    with pytest.raises(PlanNotFound, match="Stored plans: alone, other, twice") as found:
        find_plan(reference, folders=folders)

    assert ("Did you mean 'twice'?" in str(found.value)) == (reference == "twic")


def test_a_byte_order_mark_is_no_part_of_the_plan(tmp_path: Path) -> None:
    """Files of editors that begin with a mark are read, and bytes that are no text are told."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_bytes(b"\xef\xbb\xbf" + TEXT.format(name="marked").encode())
    bad.write_bytes(b"name: \xff")

    assert read_plan(str(good), folders=()).name == "marked"
    with pytest.raises(PlanUnreadable, match="byte 6 is not UTF-8"):
        read_plan(str(bad), folders=())
