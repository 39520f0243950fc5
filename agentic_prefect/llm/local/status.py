"""What is known of the local model: the record that the service leaves, and the status made of it."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from agentic_prefect.models.base import Frozen


class EngineRecord(Frozen):
    """A started engine, as written to disk for later processes to find."""

    pid: int
    token: str
    """Stands in the process's command line and nowhere else, so that a reused pid is not taken for ours."""
    url: str
    """The address without `/v1`."""
    model: str
    model_path: Path
    sha256: str | None
    """Lower-case hex digest of the default model; `None` for a file of the user's own."""
    started_at: datetime
    log_path: Path


class LocalModelStatus(Frozen):
    """Whether a local model answers, where, and what is missing if none does."""

    state: Literal["running", "stopped", "stale"]
    """`stale`: an engine was started, and it is gone or answers no more; start and stop both clear it."""
    engine_installed: bool
    weights_path: Path | None
    """The default model's file; `None` until it was fetched."""
    base_url: str | None = None
    """What an OpenAI client takes as `base_url`; `None` unless running."""
    pid: int | None = None
    model: str | None = None
    model_path: Path | None = None
    sha256: str | None = None
    """Of the default model; `None` for a file of the user's own or when nothing was started."""
    started_at: datetime | None = None
    """UTC."""
    log_path: Path | None = None
    detail: str | None = None
    """Why the state is `stale`; `None` otherwise."""

    @property
    def running(self) -> bool:
        """Whether the model answers."""
        return self.state == "running"


def read_record(path: Path) -> EngineRecord | None:
    """The record at `path`; `None` when there is none, or none that this version can read."""
    try:
        return EngineRecord.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_record(path: Path, record: EngineRecord) -> None:
    """Write `record` so that a reader at the same time sees all of it or nothing."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(record.model_dump_json(indent=2), encoding="utf-8")
    unfinished.replace(path)
