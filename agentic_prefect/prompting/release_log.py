"""Where it is kept which versions are in use: a port, and a file beside the templates."""

from pathlib import Path
from typing import Final, Protocol

from pydantic import ValidationError

from agentic_prefect.models.release import ReleaseEntry
from agentic_prefect.prompting.errors import PromptError

FILE: Final = "releases.jsonl"
"""The file's name in a folder of templates."""
MAX_FILE_BYTES: Final = 10_000_000


class ReleaseLog(Protocol):
    """Keeps every change of what is in use."""

    @property
    def is_slow(self) -> bool:
        """Whether a look at it takes more than a moment, so that it is done beside the work and not before it."""
        ...

    def look(self) -> str:
        """Something that is another whenever something was added.

        Raises:
            PromptError: It cannot be read.
        """
        ...

    def read(self) -> tuple[ReleaseEntry, ...]:
        """Everything, the oldest first.

        Raises:
            PromptError: It cannot be read.
        """
        ...

    def add(self, entry: ReleaseEntry) -> None:
        """Keep one more.

        Raises:
            PromptError: It cannot be written.
        """
        ...


class ReleaseFile:
    """A line of JSON for each change, so that a repository shows who changed what, and merges it.

    Args:
        path: The file; it is made when the first change is added.
    """

    is_slow: bool = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def look(self) -> str:
        """Time of the last change and size; empty when there is no file."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise _trouble(self.path, "read", error) from error
        return f"{stat.st_mtime_ns}:{stat.st_size}:{stat.st_ino}"

    def read(self) -> tuple[ReleaseEntry, ...]:
        """Everything in the order of its time, in which the lines of two merged branches may not be."""
        try:
            with self.path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
            text = content.decode("utf-8")
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise _trouble(self.path, "read", error) from error
        if len(content) > MAX_FILE_BYTES:
            raise PromptError(
                f"{self.path} is larger than {MAX_FILE_BYTES:,} bytes. Remove lines of long ago; of each template the "
                f"last one counts, and the ones before it are what a rollback goes by."
            )
        return entries_in(text, where=str(self.path))

    def add(self, entry: ReleaseEntry) -> None:
        """Add a line. Other processes that add one at the same time do not get into it."""
        try:
            before = self.path.read_bytes() if self.path.exists() else b"\n"
            with self.path.open("ab", buffering=0) as file:
                file.write(("" if before.endswith(b"\n") else "\n").encode() + entry.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise _trouble(self.path, "written", error) from error


def entries_in(text: str, *, where: str) -> tuple[ReleaseEntry, ...]:
    """The changes in some lines of JSON, in the order of their times.

    Args:
        text: The lines.
        where: Where they stand, for messages.

    Raises:
        PromptError: A line is none.
    """
    entries: list[ReleaseEntry] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entries.append(ReleaseEntry.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            what = ".".join(map(str, first["loc"])) or "the line"
            raise PromptError(
                f"{where}, line {number}, is no release: {what}: {first['msg']}. Put it right, or remove it."
            ) from error
    return tuple(sorted(entries, key=lambda entry: entry.at))


def _trouble(path: Path, done: str, error: Exception) -> PromptError:
    reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
    return PromptError(f"{path} cannot be {done}: {reason}.")
