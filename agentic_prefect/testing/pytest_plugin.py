"""Fixtures for tests of code that talks to a model. Loaded in every pytest run, so it imports nothing heavy on top."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from agentic_prefect.testing.scripted_model import ScriptedChatModel
    from agentic_prefect.testing.server.scripted_server import ScriptedServer

SCRIPTED_KEY = "sk-scripted"
"""The key that `openai_env` sets; a scripted server accepts every key unless its script says otherwise."""


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
