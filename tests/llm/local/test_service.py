"""One engine per cache folder: started once, found again, ended by whoever may, and honest when it fails."""

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentic_prefect.llm.local.engine import is_installed
from agentic_prefect.llm.local.process import is_alive, wait_until
from agentic_prefect.llm.local.service import running_local, start, status, stop
from agentic_prefect.llm.local.status import EngineRecord, LocalModelStatus, read_record, write_record
from agentic_prefect.llm.local.unavailable import LocalModelUnavailable
from agentic_prefect.llm.local.weights import DEFAULT_MODEL

local_model = [pytest.mark.local_model, pytest.mark.xdist_group("local_model")]

WAYS_OUT = "set OPENAI_API_KEY (and OPENAI_BASE_URL for another provider) to use a model elsewhere, or run the plan"


def record_of(pid: int, cache_dir: Path, *, token: str) -> EngineRecord:
    """The record of an engine that is said to be process `pid`."""
    return EngineRecord(
        pid=pid,
        token=token,
        url="http://127.0.0.1:9",
        model="gone",
        model_path=cache_dir / "gone.gguf",
        sha256=None,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        log_path=cache_dir / "engine.log",
    )


@pytest.fixture
def started(cache_dir: Path) -> Iterator[LocalModelStatus]:
    """The default model, answering; ended after the test."""
    yield start(cache_dir)
    stop(cache_dir)


def test_nothing_was_started(tmp_path: Path) -> None:
    """An empty cache is no error: the status says stopped, and that the model is not there."""
    found = status(tmp_path)

    assert (found.state, found.base_url, found.weights_path) == ("stopped", None, None)
    assert stop(tmp_path) == found


def test_start_before_fetch_names_the_command(tmp_path: Path) -> None:
    """Without the model's file nothing is launched and the message names the ways out."""
    with pytest.raises(LocalModelUnavailable) as caught:
        start(tmp_path)

    assert "'smollm2-135m-instruct' was not fetched. Get the default model with `agentic-prefect local fetch`" in str(
        caught.value
    )
    assert WAYS_OUT in str(caught.value)


def test_start_without_the_engine_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where xllamacpp is not installed the message names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    (tmp_path / "a.gguf").write_bytes(b"GGUF")

    with pytest.raises(LocalModelUnavailable, match=r"pip install 'agentic-prefect\[local\]'"):
        start(tmp_path, model_file=tmp_path / "a.gguf")
    assert not status(tmp_path).engine_installed


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read: No such file"), (b"PK\x03\x04", r"begins with b'PK\\x03\\x04', not b'GGUF'")],
    ids=["missing", "no GGUF"],
)
def test_a_file_that_is_no_model_is_refused_at_once(tmp_path: Path, content: bytes | None, says: str) -> None:
    """A model file is looked at before anything is launched."""
    file = tmp_path / "mine.gguf"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(LocalModelUnavailable, match=rf"mine\.gguf.*{says}"):
        start(tmp_path, model_file=file)
    assert not (tmp_path / "engine.log").exists()


def test_a_process_that_is_gone_is_stale(tmp_path: Path) -> None:
    """A record without its process is `stale`, says why, and stop clears it."""
    write_record(tmp_path / "engine.json", record_of(2**22 + 1, tmp_path, token="t" * 32))
    found = status(tmp_path)

    assert (found.state, found.base_url) == ("stale", None)
    assert found.detail == f"its process {2**22 + 1} is gone"
    assert stop(tmp_path).state == "stopped"


def test_a_process_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    """A pid that another process has by now, here the test's own, is not ended."""
    write_record(tmp_path / "engine.json", record_of(os.getpid(), tmp_path, token="t" * 32))

    assert status(tmp_path).state == "stale"
    assert stop(tmp_path).state == "stopped"


def test_a_record_of_another_form_counts_as_none(tmp_path: Path) -> None:
    """What another version or a broken disk left is not trusted and does not stand in the way."""
    (tmp_path / "engine.json").write_text('{"pid": 1}')

    assert status(tmp_path).state == "stopped"


@pytest.mark.skipif(not is_installed(), reason="the engine is not installed: pip install 'agentic-prefect[local]'")
def test_an_engine_that_dies_at_the_start_is_quoted(tmp_path: Path) -> None:
    """A file that only looks like a model gives llama.cpp's own complaint, and leaves no process and no record."""
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\xff" * 1000)

    with pytest.raises(LocalModelUnavailable) as caught:
        start(tmp_path, model_file=tmp_path / "broken.gguf")

    assert "ended with exit code 1 while loading" in str(caught.value)
    assert "gguf_init" in str(caught.value)
    assert str(tmp_path / "engine.log") in str(caught.value)
    assert status(tmp_path).state == "stopped"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.gguf", "engine.lock", "engine.log"]


class TestRealModel:
    """The default model itself."""

    pytestmark = local_model

    def test_start_says_what_answers(self, started: LocalModelStatus, cache_dir: Path) -> None:
        """The status names the model, its file's hash, its address and its log."""
        assert status(cache_dir) == started
        assert (started.state, started.model) == ("running", "smollm2-135m-instruct")
        assert started.sha256 == DEFAULT_MODEL.sha256
        assert started.base_url is not None
        assert started.base_url.startswith("http://127.0.0.1:")
        assert started.log_path is not None
        assert "answers at" in started.log_path.read_text()

    def test_starting_at_the_same_time_starts_one(self, cache_dir: Path) -> None:
        """Of several that start at once, and of one that comes later, all get the same engine."""
        with ThreadPoolExecutor(3) as threads:
            found = list(threads.map(lambda _index: start(cache_dir), range(3)))
        later = start(cache_dir)
        stop(cache_dir)

        assert {one.pid for one in [*found, later]} == {later.pid}

    def test_stop_ends_the_process(self, started: LocalModelStatus, cache_dir: Path) -> None:
        """After stop the process is gone and so is its record."""
        record = read_record(cache_dir / "engine.json")
        assert record is not None
        stopped = stop(cache_dir)

        assert (stopped.state, stopped.pid) == ("stopped", None)
        assert not is_alive(record.pid, token=record.token)

    def test_a_killed_engine_is_replaced(self, started: LocalModelStatus, cache_dir: Path) -> None:
        """A killed engine is reported stale, and the next start brings a new one."""
        record = read_record(cache_dir / "engine.json")
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        assert wait_until(lambda: not is_alive(record.pid, token=record.token), timeout_s=10)
        found = status(cache_dir)
        again = start(cache_dir)

        assert found.state == "stale"
        assert again.running
        assert again.pid != started.pid

    def test_another_model_is_not_passed_off_as_the_running_one(
        self, started: LocalModelStatus, cache_dir: Path, tmp_path: Path
    ) -> None:
        """Asked for another file, start names the one that runs and how to end it."""
        (tmp_path / "other.gguf").write_bytes(b"GGUF")

        with pytest.raises(LocalModelUnavailable, match=r"'smollm2-135m-instruct'.*other\.gguf.*local stop`"):
            start(cache_dir, model_file=tmp_path / "other.gguf")
        assert status(cache_dir) == started

    def test_running_local_ends_what_it_started(self, cache_dir: Path) -> None:
        """The engine runs in the body, also when the body raises, and not after it."""
        seen: list[LocalModelStatus] = []

        def body() -> None:
            with running_local(cache_dir) as current:
                seen.extend((current, status(cache_dir)))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            body()

        assert seen[0].running
        assert seen[0] == seen[1]
        assert status(cache_dir).state == "stopped"

    def test_running_local_leaves_what_ran_before(self, started: LocalModelStatus, cache_dir: Path) -> None:
        """An engine that somebody else started goes on after the body."""
        with running_local(cache_dir) as current:
            assert current == started

        assert status(cache_dir) == started
