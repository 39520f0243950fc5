"""The plugin's fixtures, and the clients that the tests of the test kit talk through."""

from collections.abc import Iterator

import openai
import pytest

from agentic_prefect.testing import ScriptedServer
from agentic_prefect.testing.pytest_plugin import openai_env, scripted_model, scripted_server, scripted_server_session

__all__ = ["openai_env", "scripted_model", "scripted_server", "scripted_server_session"]


@pytest.fixture
def server(scripted_server: ScriptedServer) -> ScriptedServer:
    """The scripted server, empty."""
    return scripted_server


@pytest.fixture(scope="session")
def client(scripted_server_session: ScriptedServer) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, which tries nothing again."""
    base_url = scripted_server_session.base_url
    with openai.OpenAI(api_key="sk-test-0123456789", base_url=base_url, max_retries=0, timeout=10) as client:
        yield client
