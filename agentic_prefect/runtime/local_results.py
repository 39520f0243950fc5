"""Results on this machine's disk, written so that a process that dies meanwhile leaves no half of one."""

import asyncio
import os
import re
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import uuid4

from prefect.context import FlowRunContext
from prefect.filesystems import LocalFileSystem, WritableFileSystem
from prefect.results import ResultStore
from pydantic import PrivateAttr

SLOW_S: Final = 0.05
"""A folder on which a write takes longer is written to from another thread, until one takes less."""
HALF_WRITTEN: Final = re.compile(r"\..+\.[0-9a-f]{32}")
"""The name of a file that a process which died has not written to its end."""


class WholeFiles(LocalFileSystem):
    """Prefect's folder of results, with the same files in the same places: each is there whole or not at all.

    Prefect's own writes into the file itself, in several visits to other threads; this one writes beside it and
    renames, at once: to hand a small file over to a thread takes longer than to write it. Only a folder that is slow,
    such as one across a network may be, is written to from another thread, so that no more than one write keeps the
    run's other tasks waiting.
    """

    _block_type_name = "Whole Files"
    _block_type_slug = "whole-files"
    _is_slow: bool = PrivateAttr(default=False)

    def _resolve_path(self, path: str) -> Path:
        """The place of a file, without a look at the disk where its name alone says that it lies in the folder."""
        base = _resolved(self.basepath or ".")
        name = path.removeprefix(f"{base}{os.sep}")
        if os.sep in name or name in (os.curdir, os.pardir) or name.startswith("~"):
            return super()._resolve_path(path)
        return base / name

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a file, whole.

        Raises:
            OSError: It cannot be written; what was there before is still there.
        """
        place = self._resolve_path(path)
        if self._is_slow:
            await asyncio.to_thread(self._write, place, content)
        else:
            self._write(place, content)
        return str(place)

    def _write(self, place: Path, content: bytes) -> None:
        began = time.perf_counter()
        try:
            _write(place, content)
        finally:
            self._is_slow = time.perf_counter() - began > SLOW_S


def whole(storage: WritableFileSystem | None) -> WritableFileSystem | None:
    """The storage that writes whole files where `storage` is Prefect's plain folder; `None` where it is any other."""
    # A folder that is saved as a block is read through the block.
    if type(storage) is not LocalFileSystem or storage._block_document_id is not None:  # pyright: ignore[reportPrivateUsage]
        return None
    return _folder(storage.basepath)


def whole_files_of_run() -> WritableFileSystem | None:
    """Where the tasks of the run keep results, if it is other than what Prefect would take."""
    context = FlowRunContext.get()
    return whole(context.result_store.result_storage) if context is not None else None


def keep_whole(store: ResultStore) -> None:
    """Have a run of a plan keep whole files: its own result, and those of everything in it."""
    store.result_storage = whole(store.result_storage) or store.result_storage


@lru_cache(maxsize=16)
def _folder(basepath: str | None) -> WholeFiles:
    return WholeFiles(basepath=basepath)


@lru_cache(maxsize=16)
def _resolved(basepath: str) -> Path:
    return Path(basepath).expanduser().resolve()


def _write(place: Path, content: bytes) -> None:
    beside = f"{place.parent}{os.sep}.{place.name}.{uuid4().hex}"
    try:
        try:
            _fill(beside, content)
        except FileNotFoundError:
            place.parent.mkdir(parents=True, exist_ok=True)
            _fill(beside, content)
        os.replace(beside, place)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside)
        raise


def _fill(path: str, content: bytes) -> None:
    with open(path, "xb", buffering=0) as file:
        view = memoryview(content)
        while view:
            view = view[file.write(view) :]
