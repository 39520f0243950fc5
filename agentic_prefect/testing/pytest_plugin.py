"""Fixtures for tests of code that talks to a model, and the tests that prompt templates carry.

Loaded in every pytest run, so it imports nothing heavy on top.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from agentic_prefect.testing.scripted_model import ScriptedChatModel
    from agentic_prefect.testing.server.scripted_server import ScriptedServer

SCRIPTED_KEY = "sk-scripted"
"""The key that `openai_env` sets; a scripted server accepts every key unless its script says otherwise."""

FRONT_CHARS = 20_000
"""How much of a file is looked at to see whether it is a template with tests."""
WITH_TESTS = re.compile(r"\A\ufeff?---[ \t]*\r?\n(?=.*?^id:)(?=.*?^tests:).*?^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect prompt templates that carry tests; other `*.j2` files are left alone."""
    if file_path.suffix != ".j2" or not _carries_tests(file_path):
        return None
    from agentic_prefect.testing.template_items import TemplateFile  # slow to load, and few test runs need it

    return TemplateFile.from_parent(parent, path=file_path)  # pyright: ignore[reportUnknownMemberType]


def _carries_tests(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return WITH_TESTS.match(file.read(FRONT_CHARS)) is not None


@pytest.fixture(scope="session")
def scripted_server_session() -> Iterator[ScriptedServer]:
    """One server for all tests of the session; tests use `scripted_server`."""
    from agentic_prefect.testing.server import ScriptedServer  # slow to load, and few test runs need it

    with ScriptedServer() as server:
        yield server


@pytest.fixture
def scripted_server(scripted_server_session: ScriptedServer) -> Iterator[ScriptedServer]:
    """A scripted model server without rules and records; it listens on loopback and echoes what is asked for."""
    scripted_server_session.reset()  # whoever used the session's server itself left something
    yield scripted_server_session
    scripted_server_session.reset()


@pytest.fixture
def scripted_model() -> ScriptedChatModel:
    """A scripted model in process, without rules and records."""
    from agentic_prefect.testing.scripted_model import ScriptedChatModel  # slow to load, and few test runs need it

    return ScriptedChatModel()


@pytest.fixture
def openai_env(scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    """The scripted server, with `OPENAI_API_KEY` and `OPENAI_BASE_URL` leading to it for this test."""
    monkeypatch.setenv("OPENAI_API_KEY", SCRIPTED_KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", scripted_server.base_url)
    return scripted_server
