"""The server as a process of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentic_prefect.testing.server.__main__ import main

HTTP = httpx.Client(verify=False)
"""Plain HTTP only; reading no certificates makes it cheap."""

SCRIPT = {
    "rules": [{"when": "wait", "answers": [{"kind": "reply", "held": True}]}],
    "default": {"kind": "reply", "content": "from the file"},
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, "subprocess.Popen[str]"]]:
    """A running server: its base URL, its ready file and its process."""
    folder = tmp_path_factory.mktemp("server")
    script, ready = folder / "script.json", folder / "ready"
    script.write_text(json.dumps(SCRIPT))
    command = [sys.executable, "-m", "agentic_prefect.testing.server", "--port", "0"]
    command += ["--script", str(script), "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        yield running.stdout.readline().strip(), ready, running
        running.send_signal(signal.SIGTERM)


def ask(base_url: str, text: str) -> Any:
    """What the model says."""
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    answer = HTTP.post(f"{base_url}/chat/completions", json=body, headers={"authorization": "Bearer sk-secret"})
    return answer.json()["choices"][0]["message"]["content"]


def test_it_plays_the_file(process: tuple[str, Path, Any]) -> None:
    """The first line is the base URL, and the script in the file answers there."""
    base_url, _, _ = process

    assert ask(base_url, "Hello") == "from the file"


def test_its_records_are_read_and_reset_over_http(process: tuple[str, Path, Any]) -> None:
    """Numbers and records come as JSON without the key, and a reset empties them."""
    base_url, _, _ = process
    root = base_url.removesuffix("/v1")
    HTTP.post(f"{root}/__reset")
    ask(base_url, "Hello")

    report = HTTP.get(f"{root}/__requests")

    assert (report.json()["count"], report.json()["max_in_flight"], report.json()["in_flight"]) == (1, 1, 0)
    assert report.json()["requests"][0]["prompt_text"] == "Hello"
    assert report.json()["requests"][0]["status"] == 200
    assert "sk-secret" not in report.text
    HTTP.post(f"{root}/__reset")
    assert HTTP.get(f"{root}/__requests").json()["requests"] == []


def test_held_requests_are_released_over_http(process: tuple[str, Path, Any]) -> None:
    """A held request of another process can be let go."""
    base_url, _, _ = process
    root = base_url.removesuffix("/v1")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(ask, base_url, "wait")
        while not held.done():
            HTTP.post(f"{root}/__release?count=1")

    assert held.result().startswith("Scripted answer ")


def test_the_ready_file_has_the_address(process: tuple[str, Path, Any]) -> None:
    """Whoever polls for the file finds the whole address in it."""
    base_url, ready, _ = process
    ask(base_url, "Hello")

    assert ready.read_text() == f"{base_url}\n"


BAD = [
    ('{"default": {"kind": "explode"}}', "'explode'"),
    ("{", "Invalid JSON"),
    (None, "No such file or directory"),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=["unknown kind", "no JSON", "no file"])
def test_a_bad_script(text: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that cannot be read ends the process with code 2 and a message that says what is wrong with it."""
    script = tmp_path / "script.json"
    if text is not None:
        script.write_text(text)

    code = main(["--script", str(script)])

    told = capsys.readouterr().err
    assert code == 2
    assert told.startswith("The scripted server cannot start: ")
    assert words in told


def test_it_stops_when_told() -> None:
    """SIGTERM ends the process with code 0."""
    command = [sys.executable, "-m", "agentic_prefect.testing.server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.send_signal(signal.SIGTERM)

        assert running.wait(timeout=10) == 0
