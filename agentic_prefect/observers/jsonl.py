"""Writes events as lines of JSON, for programs that follow a run."""

import json
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from agentic_prefect.errors import TerminalError
from agentic_prefect.models.events import Event, TaskPrompted

STDOUT = "-"


class StreamUnwritable(TerminalError, OSError):
    """The events cannot be written where they are wanted."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return (
            f"Events cannot be written to {self.path!r}: {self.why}. Give a file in a folder that exists and may be "
            f"written to, or {STDOUT!r} for standard output."
        )


class JsonlObserver:
    """One line per event, in order, each written out at once.

    A line is the event's JSON form with its name first; `TypeAdapter(Event).validate_json` reads it back. The texts of
    prompts are left out.

    Args:
        target: A file (replaced if it exists), `-` for standard output, or an open text stream, which stays open.

    Raises:
        StreamUnwritable: The file cannot be opened.
    """

    def __init__(self, target: str | Path | TextIO) -> None:
        self._lock = threading.Lock()
        self._owned: TextIO | None = None
        if not isinstance(target, str | Path):
            self._stream = target
        elif str(target) == STDOUT:
            self._stream = sys.stdout
        else:
            try:
                self._owned = self._stream = Path(target).open("w", encoding="utf-8", newline="\n")  # noqa: SIM115 - `close` closes it
            except OSError as error:
                raise StreamUnwritable(str(target), error.strerror or str(error)) from error

    def on_event(self, event: Event) -> None:
        """Write the event's line."""
        left_out = {"prompt": {"text"}} if isinstance(event, TaskPrompted) else None
        line = json.dumps({"name": event.name, **event.model_dump(mode="json", exclude=left_out)}, ensure_ascii=False)
        with self._lock:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def close(self) -> None:
        """Close the file, if this observer opened one."""
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
