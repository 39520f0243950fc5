"""The test session's surroundings: a clean environment, a Prefect home of its own and one server for whoever asks.

A test that runs a flow is marked `prefect` (or asks for `prefect_server`). Without the mark Prefect knows of no server
and may not start one, so that a forgotten mark is a failure and never an ephemeral server on the developer's machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Final

import certifi
import hypothesis
import pytest

from tests.prefect_server import ensure_started, free_port, stop

REPOSITORY: Final = Path(__file__).resolve().parent.parent
WORKLOADS: Final = REPOSITORY.parent / "shared" / "workloads"

_HOME: Final = "AGENTIC_PREFECT_TEST_HOME"
_OWNER: Final = "AGENTIC_PREFECT_TEST_OWNER"
_IS_WORKER: Final = "PYTEST_XDIST_WORKER" in os.environ


def _prepare_environment() -> None:
    """Set what every process of the session needs, before anything imports Prefect (it reads settings on import)."""
    for name in [name for name in os.environ if name.startswith(("OPENAI_", "PREFECT_", "AGENTIC_PREFECT_"))]:
        if name.startswith("AGENTIC_PREFECT_REQUIRE_"):
            continue  # what CI may not skip
        if not _IS_WORKER or name.startswith("OPENAI_"):
            del os.environ[name]
    if not _IS_WORKER:
        os.environ[_HOME] = tempfile.mkdtemp(prefix="agentic-prefect-tests-")
        os.environ[_OWNER] = str(os.getpid())
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{free_port()}/api"
        # Prefect reads the authorities for each client, also where it speaks no TLS: one of them is read in no time.
        os.environ["PREFECT_API_SSL_CERT_FILE"] = str(_one_authority(Path(os.environ[_HOME])))
    home = Path(os.environ[_HOME]) / os.environ.get("PYTEST_XDIST_WORKER", "main")
    os.environ.update(
        {
            "DO_NOT_TRACK": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "PREFECT_HOME": str(home),
            # Each client would ask first for a token that the server does not want.
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
            "PREFECT_FLOWS_DEFAULT_RETRIES": "0",
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            # On SQLite a server that acts on events keeps other writers waiting; what needs that has its own server.
            "PREFECT_INTEGRATIONS_AGENTIC_WATCH_RUNS": "false",
        }
    )


def _one_authority(folder: Path) -> Path:
    """A file with the first certificate of those that are usually trusted."""
    path, end = folder / "authority.pem", "-----END CERTIFICATE-----\n"
    path.write_text(certifi.contents().partition(end)[0] + end)
    return path


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # What a shell starts with `&` ignores Ctrl-C, and so does all that is started from there: Prefect's workers, which
    # take SIGTERM for one, would have to be killed.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if "prefect" in sys.modules:
    raise pytest.UsageError(
        "Prefect was imported before tests/conftest.py could point it at the session's own server. "
        "Look for a pytest plugin that imports it (`-p no:NAME` leaves one out)."
    )
_prepare_environment()

# A busy machine is no fault of the code: how long an example takes says nothing here.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def pytest_unconfigure() -> None:
    """Stop the server and drop the session's folder, once, in the process that made them."""
    if _IS_WORKER:
        return
    home = Path(os.environ[_HOME])
    stop(home / "server")
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_server() -> str:
    """The API address of the session's one Prefect server, started on first need.

    It is also `PREFECT_API_URL` in the environment, so that subprocesses reach it. Task runs arrive late: poll.
    """
    api_url = os.environ["PREFECT_API_URL"]
    ensure_started(Path(os.environ[_HOME]) / "server", api_url=api_url, owner_pid=int(os.environ[_OWNER]))
    return api_url


@pytest.fixture(autouse=True)
def _server_only_when_marked(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("prefect") is not None:
        request.getfixturevalue("prefect_server")
    with nullcontext() if "prefect_server" in request.fixturenames else _without_server():
        yield


def _without_server() -> AbstractContextManager[Any]:
    if "prefect" not in sys.modules:
        return nullcontext()
    from prefect.context import SettingsContext, get_settings_context  # most tests never load Prefect

    return SettingsContext(profile=get_settings_context().profile, settings=_serverless_settings())


@cache
def _serverless_settings() -> Any:
    from prefect.settings import PREFECT_API_URL, get_current_settings  # most tests never load Prefect

    return get_current_settings().copy_with_update(restore_defaults=[PREFECT_API_URL])


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def workloads() -> Path:
    """The folder of recorded workloads that lies beside the checkout; skips where it does not."""
    if not WORKLOADS.is_dir():
        pytest.skip("the recorded workloads are not beside this checkout (../shared/workloads)")
    return WORKLOADS
