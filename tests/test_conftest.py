"""The test session's own promises: one server, only for the tests that ask for it."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client


@pytest.mark.prefect
async def test_a_marked_test_reaches_the_sessions_server() -> None:
    """A flow in a marked test runs on the session's server, in process and over HTTP."""

    @flow
    async def answer() -> int:
        return 42

    async with get_client() as client:
        seen = str(client.api_url).rstrip("/")

    assert seen == os.environ["PREFECT_API_URL"]
    assert await answer() == 42


async def test_an_unmarked_test_has_no_server() -> None:
    """A test without the mark cannot reach or start a server, whatever ran before it."""
    with pytest.raises(ValueError, match="API URL"):
        get_client()


def test_the_session_leaves_the_developers_own_surroundings_alone() -> None:
    """No key and no Prefect home of the developer's is visible to a test."""
    assert not [name for name in os.environ if name.startswith("OPENAI_")]
    assert Path(os.environ["PREFECT_HOME"]) != Path.home() / ".prefect"
    assert "AGENTIC_PREFECT_TEST_HOME" in os.environ


def test_the_server_is_the_one_that_the_environment_names(prefect_server: str) -> None:
    """Subprocesses find the server through the environment."""
    health = httpx.get(f"{prefect_server}/health", timeout=60)

    assert prefect_server == os.environ["PREFECT_API_URL"]
    assert health.json() is True


@pytest.mark.xdist_group("conftest")
def test_tests_of_a_group_stay_on_one_worker(request: pytest.FixtureRequest) -> None:
    """Where several processes share the tests, a group's name is part of the address by which they are shared out."""
    if not hasattr(request.config, "workerinput"):
        pytest.skip("one process runs all the tests")

    assert request.node.nodeid.endswith("@conftest")
