"""`demo` and `dev`: a server, the small model, a worker, and that nothing is left behind."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentic_prefect.cli.local_server import LocalServer, ServerRecord
from agentic_prefect.llm.local.engine import is_installed
from agentic_prefect.llm.local.process import is_alive
from agentic_prefect.llm.local.status import EngineRecord, read_record
from agentic_prefect.llm.local.unavailable import LocalModelUnavailable
from agentic_prefect.llm.local.weights import default_cache_dir, fetch
from agentic_prefect.stored_plans import shipped_folder, stored_plans
from tests import patient
from tests.cli.conftest import PROGRAM, Done

USERS_CACHE = default_cache_dir(os.environ)
"""As it was before a fixture gave the tests another one."""
TIMEOUT_S = 300.0

Call = Callable[..., Done]

pytestmark = [pytest.mark.local_model, pytest.mark.xdist_group("demo")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of its own with the default model's file in it. Skips where the file cannot be had; CI fails instead."""
    if not is_installed():
        pytest.skip("the engine is not installed: pip install 'agentic-prefect[local]'")
    try:
        weights = fetch(USERS_CACHE)
    except LocalModelUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the default model cannot be fetched here: {error}")
    folder = tmp_path_factory.mktemp("cache")
    (folder / "agentic-prefect" / "local").mkdir(parents=True)
    (folder / "agentic-prefect" / "local" / "models").symlink_to(weights.parents[1], target_is_directory=True)
    return folder


@pytest.fixture(scope="module")
def here(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working folder of the commands; whatever they started is ended after the tests."""
    folder = tmp_path_factory.mktemp("work")
    yield folder
    _call(cache, folder, "demo", "--stop")


@dataclass(frozen=True)
class Demonstrated:
    """What the demo said, and what it left behind."""

    done: Done
    report: str
    page: str
    server: ServerRecord | None
    engine: EngineRecord | None


@pytest.fixture(scope="module")
def demonstrated(cache: Path, here: Path) -> Demonstrated:
    """The demo, run once for whichever test comes first."""
    done = _call(cache, here, "demo")
    assert done.code == 0, done.out + done.err
    return Demonstrated(
        done,
        (here / "demo-report.md").read_text(),
        (here / "demo-report.html").read_text(),
        LocalServer(cache / "agentic-prefect" / "prefect").running(),
        read_record(cache / "agentic-prefect" / "local" / "engine.json"),
    )


@pytest.fixture
def call(cache: Path, here: Path) -> Call:
    """The program, with that cache, in that folder."""
    return lambda *arguments: _call(cache, here, *arguments)


@pytest.mark.slow
def test_the_demo_runs_a_plan_on_the_small_model(demonstrated: Demonstrated) -> None:
    """A real model answers, one call meets a rate limit, one branch falls back, and there is a report to look at."""
    done, server = demonstrated.done, demonstrated.server

    assert "Model: smollm2-135m-instruct on this machine's processor" in done.out
    assert server is not None
    assert re.search(rf"Run: {re.escape(server.ui_url)}/runs/flow-run/[0-9a-f-]{{36}}", done.out)
    assert "agentic-prefect demo --stop" in done.out
    assert "rate_limit" in demonstrated.report
    assert "content_filter" in demonstrated.report
    assert "plain_note" in demonstrated.report
    assert "<html" in demonstrated.page


@pytest.mark.slow
def test_dev_deploys_on_the_server_that_runs(call: Call, cache: Path) -> None:
    """`dev` uses the demo's server, deploys, says where everything is, and ends the worker that it started."""
    server = LocalServer(cache / "agentic-prefect" / "prefect")
    record, _ = server.start()

    done = call("dev", "--no-stay")
    names = [each["name"] for each in patient.post(f"{record.api_url}/deployments/filter", json={}).json()]

    assert done.code == 0, done.out + done.err
    assert set(names) == {"any-plan", *(path.stem for path in stored_plans([shipped_folder()]).values())}
    assert (
        len(re.findall(rf"Form: +{re.escape(record.ui_url)}/deployments/deployment/\S+/run\?parameters=", done.out))
        == 5
    )
    assert f"{record.ui_url}/deployments" in done.out
    assert server.running() is not None


@pytest.mark.slow
def test_the_demo_can_be_rehearsed_and_ended(call: Call, cache: Path, demonstrated: Demonstrated) -> None:
    """A rehearsal says that nobody was asked; `--stop` ends the server and the model that the demo started."""
    server, engine = LocalServer(cache / "agentic-prefect" / "prefect"), demonstrated.engine
    assert engine is not None

    rehearsed, ended, again = call("demo", "--rehearse"), call("demo", "--stop"), call("demo", "--stop")

    assert rehearsed.code == 0, rehearsed.out + rehearsed.err
    assert "No model was asked: this was a rehearsal." in rehearsed.out
    assert ended.out == "Ended the Prefect server and the local model.\n"
    assert again.out == "Nothing was running.\n"
    assert server.running() is None
    assert not is_alive(engine.pid, token=engine.token)


def test_a_prefect_file_that_is_not_there_is_named(call: Call) -> None:
    """Nothing is started for deployments that do not exist."""
    done = call("dev", "--prefect-file", "nowhere.yaml")

    assert done.code == 2
    assert "'nowhere.yaml'" in done.err


def _call(cache: Path, folder: Path, *arguments: str) -> Done:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    ended = subprocess.run(
        [str(PROGRAM), *arguments],
        env={**own, "XDG_CACHE_HOME": str(cache)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Done(ended.returncode, ended.stdout, ended.stderr)
