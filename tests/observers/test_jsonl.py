"""A program that follows a run reads one well-formed line per event."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from agentic_prefect.models.events import Event
from agentic_prefect.observers.dispatch import Dispatcher
from agentic_prefect.observers.jsonl import JsonlObserver, StreamUnwritable
from agentic_prefect.testing.recording import RecordingObserver
from tests.observers.samples import EVENTS

ANY_EVENT: TypeAdapter[Any] = TypeAdapter(Event)


def test_lines_are_the_events_in_order(tmp_path: Path) -> None:
    """Each line is one event, name first, and reads back equal; an old file is replaced."""  # D-13
    path = tmp_path / "events.jsonl"
    path.write_text("old\n")
    with JsonlObserver(path) as observer:
        for event in EVENTS:
            observer.on_event(event)

    lines = path.read_text(encoding="utf-8").splitlines()
    assert [ANY_EVENT.validate_json(line) for line in lines] == list(EVENTS)
    assert all(next(iter(json.loads(line))) == "name" for line in lines)


def test_a_line_is_there_as_soon_as_it_happened(tmp_path: Path) -> None:
    """A reader sees each event before the next one, while the file is still open."""  # D-13
    path = tmp_path / "events.jsonl"
    observer = JsonlObserver(str(path))
    seen: list[int] = []
    for event in EVENTS[:3]:
        observer.on_event(event)
        seen.append(path.read_bytes().count(b"\n"))
    observer.close()

    assert seen == [1, 2, 3]


def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """`-` writes to standard output and leaves it open."""
    with JsonlObserver("-") as observer:
        observer.on_event(EVENTS[0])
    print("still open")

    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first)["name"] == "agentic.plan.started"
    assert second == "still open"


def test_an_open_stream_is_used_and_stays_open() -> None:
    """A stream given by the caller stays the caller's."""
    stream = io.StringIO()
    with JsonlObserver(stream) as observer:
        observer.on_event(EVENTS[0])

    assert json.loads(stream.getvalue())["tasks"] == 3


@pytest.mark.parametrize(
    ("name", "why"), [("no/such/folder.jsonl", "No such file or directory"), ("", "Is a directory")]
)
def test_an_unwritable_path_is_refused_before_anything_runs(tmp_path: Path, name: str, why: str) -> None:
    """The message names the path, what is wrong with it, and what can be given."""
    with pytest.raises(StreamUnwritable, match=f"{tmp_path}.*{why}. Give a file in a folder that exists .* or '-' for"):
        JsonlObserver(tmp_path / name)


def test_a_sink_that_fails_does_not_fail_the_run() -> None:
    """When the stream breaks, the other observers still hear and the fault is counted."""  # D-13, F-11
    stream, other = io.StringIO(), RecordingObserver()
    dispatcher = Dispatcher([JsonlObserver(stream), other])
    stream.close()
    for event in EVENTS:
        dispatcher.notify(event)

    assert len(other.events) == dispatcher.failures["JsonlObserver"] == len(EVENTS)
