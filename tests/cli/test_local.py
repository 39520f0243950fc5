"""`local`: what it says where there is no model, and that its options reach the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_the_status_says_what_is_missing(cli: Command) -> None:
    """A cache without a model is not running, which is exit code 5, and the way out is named."""
    done = cli("local", "status")

    assert done.code == 5
    assert "State: stopped" in done.out
    assert "Default model: not fetched: agentic-prefect local fetch" in done.out


def test_stopping_nothing_is_fine(cli: Command) -> None:
    """Whoever stops what does not run gets what they want."""
    done = cli("local", "stop")

    assert (done.code, done.out) == (0, "No local model was running.\n")


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [((), "was not fetched", 5), (("missing.gguf",), "cannot be read", 2), (("wrong.gguf",), "is no GGUF file", 2)],
)
def test_a_model_that_cannot_start_is_explained(
    arguments: tuple[str, ...],
    message: str,
    code: int,
    cli: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No file is exit code 5, a missing one and one of another kind are 2, with the ways out."""
    pytest.importorskip("xllamacpp", reason="the engine is not installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.gguf").write_bytes(b"no model")

    done = cli("local", "start", *arguments)

    assert done.code == code
    assert message in done.err
    assert "OPENAI_API_KEY" in done.err
