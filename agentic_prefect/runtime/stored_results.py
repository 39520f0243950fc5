"""Stored results of plans and tasks, found in their folder and removed when they are old."""

import asyncio
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from prefect.filesystems import LocalFileSystem
from prefect.results import aget_default_result_storage

from agentic_prefect.runtime.local_results import HALF_WRITTEN

_RESULT: Final = re.compile(rb'(?:^|"result":")\{\\?"__class__\\?": \\?"agentic_prefect\.models\.')
_CALL: Final = re.compile(r"[0-9a-f]{64}-call-\d+")
_HEAD_BYTES: Final = 8192
"""So much of a file tells whose it is: what stands before it is a path and how it was written."""


@dataclass(frozen=True, slots=True)
class RemovedResults:
    """What was removed."""

    count: int = 0
    size_bytes: int = 0
    elsewhere: str = ""
    """The storage that is no folder, where nothing could be removed; empty otherwise."""


async def remove_results(before: datetime) -> RemovedResults:
    """Remove the results that were stored before a moment, and the answered calls beside them.

    The folder is Prefect's and may hold the results of other flows; they stay.
    """
    storage = await aget_default_result_storage()
    if not isinstance(storage, LocalFileSystem):
        return RemovedResults(elsewhere=storage.get_block_type_slug())
    return await asyncio.to_thread(_remove, storage.basepath or ".", before.timestamp())


def _remove(folder: str, before: float) -> RemovedResults:
    count = size_bytes = 0
    for entry in _files(Path(folder).expanduser()):
        try:
            state = entry.stat()
            if state.st_mtime >= before or not _is_ours(entry):
                continue
            os.unlink(entry.path)
        except FileNotFoundError:  # somebody else was faster
            continue
        count, size_bytes = count + 1, size_bytes + state.st_size
    return RemovedResults(count, size_bytes)


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if entry.is_file(follow_symlinks=False))
    except FileNotFoundError:  # nothing was ever stored
        return


def _is_ours(entry: os.DirEntry[str]) -> bool:
    if _CALL.fullmatch(entry.name) or HALF_WRITTEN.fullmatch(entry.name):
        return True
    with open(entry.path, "rb") as file:
        return _RESULT.search(file.read(_HEAD_BYTES)) is not None
