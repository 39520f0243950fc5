"""Results on this machine's disk are there whole or not at all."""

import asyncio
import os
import threading
from pathlib import Path

import pytest
from prefect.filesystems import LocalFileSystem

from agentic_prefect.runtime.local_results import WholeFiles, whole


def test_who_reads_while_it_is_written_anew_reads_the_old(tmp_path: Path) -> None:
    """Nothing but the file itself is left in the folder, which is made where it is missing."""
    storage = WholeFiles(basepath=str(tmp_path / "results"))
    written = Path(asyncio.run(storage.awrite_path("a1", b"before")))
    with written.open("rb") as reader:
        asyncio.run(storage.awrite_path("a1", b"afterwards"))
        seen = reader.read()

    assert seen == b"before"
    assert written.read_bytes() == b"afterwards"
    assert [each.name for each in (tmp_path / "results").iterdir()] == ["a1"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    """A folder in the place of the file, say."""
    (tmp_path / "a1").mkdir()

    with pytest.raises(OSError, match="a1"):
        asyncio.run(WholeFiles(basepath=str(tmp_path)).awrite_path("a1", b"output"))

    assert [each.name for each in tmp_path.iterdir()] == ["a1"]


def test_a_slow_folder_holds_other_tasks_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written to from another thread then, for as long as it is slow."""
    threads: list[threading.Thread] = []
    replace = os.replace

    def watched(*places: str) -> None:
        threads.append(threading.current_thread())
        replace(*places)

    async def written(times: int, slow_s: float) -> list[bool]:
        monkeypatch.setattr("agentic_prefect.runtime.local_results.SLOW_S", slow_s)
        threads.clear()
        for _ in range(times):
            await storage.awrite_path("a1", b"output")
        return [thread is threading.main_thread() for thread in threads]

    async def both() -> tuple[list[bool], list[bool]]:
        return await written(3, slow_s=-1.0), await written(3, slow_s=3600.0)

    storage = WholeFiles(basepath=str(tmp_path))
    monkeypatch.setattr(os, "replace", watched)

    assert asyncio.run(both()) == ([True, False, False], [False, True, True])


@pytest.mark.parametrize("path", ["a1", "", ".", "deeper/a1", "../results/a1", "{base}/a1", "{base}"])
def test_files_lie_where_prefect_puts_them(path: str, tmp_path: Path) -> None:
    """Whatever way the path is written."""
    base = tmp_path / "results"
    path = path.format(base=base)

    assert WholeFiles(basepath=str(base))._resolve_path(path) == LocalFileSystem(basepath=str(base))._resolve_path(path)


@pytest.mark.parametrize("path", ["..", "../a1", "/etc/passwd", "~/a1"])
def test_no_file_lies_outside_of_the_folder(path: str, tmp_path: Path) -> None:
    """As with Prefect's own."""
    with pytest.raises(ValueError, match="outside"):
        WholeFiles(basepath=str(tmp_path))._resolve_path(path)


def test_other_storage_stays_as_it_is() -> None:
    """A storage block, and a kind of somebody's own."""

    class Own(LocalFileSystem):
        """Somebody's own."""

        _block_type_slug = "own-files"

    assert whole(Own(basepath="/tmp")) is None
    assert isinstance(whole(LocalFileSystem(basepath="/tmp")), WholeFiles)
