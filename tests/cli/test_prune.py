"""What old runs left behind is removed, and nothing else."""

import asyncio
import os
import re
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.filesystems import RemoteFileSystem
from prefect.settings import PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.states import Cancelled, Completed, Paused, Scheduled

from agentic_prefect.history.sql_store import SqlHistory
from agentic_prefect.models.history import RunEntry
from agentic_prefect.observers.old_artifacts import KEYS
from agentic_prefect.runtime.plan_flow import plan_flow
from agentic_prefect.testing import Reply, ScriptedServer
from tests.cli.conftest import Command
from tests.history.samples import a_run
from tests.observers.server import artifacts_of

# A run that has not ended keeps results from being removed, in another test as well.
pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("prune")]

DAY_S = 86_400
OLD = datetime.now(UTC) - timedelta(days=40)


@pytest.fixture(autouse=True)
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlHistory:
    """A history of this test's own, with an old run and a new one."""
    url = f"sqlite:///{tmp_path}/history.db"
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_HISTORY_URL", url)
    store = SqlHistory(url)
    now = datetime.now(UTC)
    store.register(a_run(id="old", at=OLD, updated_at=OLD), a_run(id="new", at=now, updated_at=now))
    return store


@flow(name="somebody-elses", persist_result=True)
async def another() -> dict[str, str]:
    """A flow whose result lies in the same folder."""
    return {"text": "agentic_prefect.models"}


def age(folder: Path, days: float) -> None:
    """Let the files of a folder look so old."""
    moment = time.time() - days * DAY_S
    for path in folder.iterdir():
        os.utime(path, (moment, moment))


def old_run(*keys: str) -> UUID:
    """A run that ended long ago, with artifacts of these keys."""
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(another)
        client.set_flow_run_state(run.id, Completed(), force=True)
        for key in keys:
            client.create_artifact(ArtifactCreate(key=key, type="markdown", data="x", flow_run_id=run.id))
    said_to_have("end_time", run.id)
    return run.id


def said_to_have(when: str, run_id: UUID) -> None:
    """Let a run have started or ended long ago: the server itself says when, and only its database can be told."""
    home = Path(os.environ["AGENTIC_PREFECT_TEST_HOME"])
    with closing(sqlite3.connect(home / "server/prefect/prefect.db", timeout=60)) as database, database:
        moment = f"{OLD:%Y-%m-%d %H:%M:%S.%f}"
        database.execute(f"UPDATE flow_run SET {when} = ? WHERE id = ?", (moment, str(run_id)))


def test_old_results_are_removed_and_new_ones_and_those_of_others_stay(
    tmp_path: Path, cli: Command, plan_file: Path, openai_env: ScriptedServer
) -> None:
    """The results of a run, answered calls among them; not those of a later run or of a flow of somebody's own."""
    # F-46
    folder = tmp_path / "results"
    openai_env.on("Count", Reply.text("many"), Reply.text("3"))
    counting = tmp_path / "counting.yaml"
    counting.write_text(
        "name: counting\ntasks: [{id: c, description: Count, output: {type: integer}, "
        "failure_policy: {invalid_output: {repair: 1}}}]"
    )
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: folder}):
        assert cli("run", counting, "--model", "openai/scripted", "-q").code == 0
        asyncio.run(another())
        (folder / "notes.txt").write_text("mine")
        (folder / f".{'ab' * 32}.{'cd' * 16}").write_text('{"met')  # of a process that died while it wrote
        age(folder, 40)
        before = {path.name for path in folder.iterdir()}
        cli("run", plan_file, "--model", "openai/scripted", "-q")
        new = {path.name for path in folder.iterdir()} - before
        done = cli("prune", "--older-than", "30d", "--only", "results")
        left = {path.name for path in folder.iterdir()}

    assert done.code == 0, done.err
    assert done.out.startswith("Removed 4 results (")
    assert (len(before), len(left - new), new <= left) == (6, 2, True)


def test_old_artifacts_and_history_are_removed(cli: Command, history: SqlHistory) -> None:
    """Those of runs that ended before; an artifact of somebody's own stays where it is."""
    # F-46
    run_id = old_run("plan-prompts", "task-error", "somebody-elses")
    done = cli("prune", "--older-than", "30d", "--only", "artifacts", "--only", "history")
    again = cli("prune", "--older-than", "30d", "--only", "artifacts")
    left = asyncio.run(artifacts_of(str(run_id)))

    assert (done.code, done.out) == (0, "Removed 2 artifacts, 1 entry of the history.\n"), done.err
    assert again.out == "Removed 0 artifacts.\n"
    assert [each.key for each in left] == ["somebody-elses"]
    assert [run.id for run in history.find(RunEntry)] == ["new"]


def test_results_that_an_unfinished_run_may_need_stay(tmp_path: Path, cli: Command) -> None:
    """Those since it began, however old; it is said for which run."""
    #
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("older", "needed"):
        (folder / name).write_text('{"__class__": "agentic_prefect.models.result.TaskResult", "data": {}}')
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(plan_flow, parameters={"plan": {}, "record": {}}, name="waits")
        client.set_flow_run_state(run.id, Paused(timeout_seconds=600), force=True)
        said_to_have("start_time", run.id)
        for name, days in (("older", 41), ("needed", 39)):
            moment = time.time() - days * DAY_S
            os.utime(folder / name, (moment, moment))
        with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: folder}):
            done = cli("prune", "--older-than", "30d", "--only", "results")
            left = [path.name for path in folder.iterdir()]
            client.set_flow_run_state(run.id, Cancelled(), force=True)
            cli("prune", "--older-than", "30d", "--only", "results")

    assert left == ["needed"]
    assert done.out.startswith("Removed 1 result (1 kB). Results since ")
    assert f"were kept: run 'waits' ({run.id}) has not ended. If nobody goes on with it, cancel it." in done.out
    assert [*folder.iterdir()] == []


def test_a_run_that_never_began_needs_no_results(tmp_path: Path, cli: Command) -> None:
    """One that was due long ago, and that no worker has taken up yet."""
    #
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "old").write_text('{"__class__": "agentic_prefect.models.result.TaskResult", "data": {}}')
    age(folder, 39)
    with get_client(sync_client=True) as client:
        due = Scheduled(scheduled_time=OLD)
        run = client.create_flow_run(plan_flow, parameters={"plan": {}, "record": {}}, name="late", state=due)
        with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: folder}):
            done = cli("prune", "--older-than", "30d", "--only", "results")
        client.delete_flow_run(run.id)

    # A run of another test may be under way, and is then said to keep what is newer than that.
    assert done.out.startswith("Removed 1 result (1 kB).")
    assert str(run.id) not in done.out
    assert [*folder.iterdir()] == []


def test_every_artifact_of_a_run_is_known(repository: Path) -> None:
    """What a run leaves on the server would stay for ever otherwise."""
    source = (repository / "agentic_prefect/observers/artifacts.py").read_text()

    assert set(re.findall(r'Sheet\(\s*"([a-z-]+)"', source)) == set(KEYS)


def test_how_old_is_said_by_the_setting_or_asked_for(
    cli: Command, history: SqlHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without either nothing is removed."""
    refused = cli("prune", "--only", "history")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_AGENTIC_KEEP_DAYS", "30")
    done = cli("prune", "--only", "history")

    assert refused.code == 2
    assert "Say how old: `--older-than 30d`, or set PREFECT_INTEGRATIONS_AGENTIC_KEEP_DAYS." in refused.err
    assert done.out == "Removed 1 entry of the history.\n"


def test_a_storage_that_is_no_folder_is_left_alone(cli: Command) -> None:
    """It is said so, with the way out."""
    RemoteFileSystem(basepath="memory://kept").save("no-folder", overwrite=True)
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(plan_flow, parameters={"plan": {}, "record": {}})
        client.set_flow_run_state(run.id, Paused(timeout_seconds=600), force=True)
        said_to_have("start_time", run.id)
        with temporary_settings({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: "remote-file-system/no-folder"}):
            done = cli("prune", "--older-than", "30d", "--only", "results")
        client.delete_flow_run(run.id)

    assert (done.code, done.out) == (0, "Nothing was removed.\n")
    assert "Results lie in a storage of type 'remote-file-system', which can only be emptied from there" in done.err
