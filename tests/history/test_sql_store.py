"""The history in a database: what it survives, and what it says when it cannot work."""

import logging
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from agentic_prefect.history.sql_store import SqlHistory
from agentic_prefect.history.tables import SCHEMA_VERSION
from agentic_prefect.models.history import DeadLetterEntry, FailureEntry, PromptEntry, RunEntry, TaskEntry
from agentic_prefect.models.history_errors import HistoryUnusable
from tests.conftest import REPOSITORY
from tests.history.samples import ONE_OF_EACH, a_failure, a_run, a_task

CORPUS = REPOSITORY / "tests" / "fixtures" / "history"
KINDS = tuple(type(entry) for entry in ONE_OF_EACH)
SINCE: dict[type, str] = {DeadLetterEntry: "version-3", PromptEntry: "version-4"}
"""The first version that has a kind of entries, where that is not the first of all."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the database is to be; the folder is not there yet."""
    return tmp_path / "some" / "folder" / "history.db"


@pytest.fixture
def store(file: Path) -> SqlHistory:
    """An empty store."""
    return SqlHistory(f"sqlite:///{file}")


def test_a_second_store_reads_what_the_first_wrote(file: Path, store: SqlHistory) -> None:
    """What was kept is there after a restart, means included."""  # L-45
    store.register(*ONE_OF_EACH)
    before = store.summarise("duration_s", "agent")
    store.close()
    again = SqlHistory(f"sqlite:///{file}")

    assert [again.find(kind) for kind in KINDS] == [[entry] for entry in ONE_OF_EACH]
    assert again.summarise("duration_s", "agent") == before


SPOILT = [
    ("tasks", "status", "'lost'", TaskEntry),
    ("tasks", "cost_usd", "'dear'", TaskEntry),
    ("tasks", "at", "'yesterday'", TaskEntry),
    ("failures", "context", "'{'", FailureEntry),
    ("runs", "calls", "-1", RunEntry),
]


@pytest.mark.parametrize(("table", "column", "value", "kind"), SPOILT, ids=[f"{row[0]}-{row[1]}" for row in SPOILT])
def test_a_spoilt_row_is_logged_and_left_out(
    file: Path,
    store: SqlHistory,
    caplog: pytest.LogCaptureFixture,
    table: str,
    column: str,
    value: str,
    kind: type[TaskEntry],
) -> None:
    """The others are found, and one warning names the row; asked for by its id, it is not there."""
    store.register(*(make(number) for make in (a_run, a_task, a_failure) for number in range(3)))
    spoilt = f"{table.removesuffix('s')}-1"
    with sqlite3.connect(file) as connection:
        connection.execute(f"UPDATE agentic_{table} SET {column} = {value} WHERE id = '{spoilt}'")
    with caplog.at_level(logging.WARNING):
        found = store.find(kind)

    assert {entry.id for entry in found} == {f"{table.removesuffix('s')}-0", f"{table.removesuffix('s')}-2"}
    assert [f"{spoilt!r} in the history cannot be read" in record.message for record in caplog.records] == [True]
    assert store.get(kind, spoilt) is None


WRITER = """
import sys
from agentic_prefect.history.sql_store import SqlHistory
from tests.history.samples import a_task
store = SqlHistory(sys.argv[1])
sys.stdin.readline()
for number in range(40):
    store.register(a_task(number, id=f"{sys.argv[2]}-{number}"))
    store.update(a_task(number, id=f"{sys.argv[2]}-{number}", attempts=2))
"""


def test_several_processes_write_at_once(file: Path, store: SqlHistory) -> None:
    """Three processes that all find no database make one together, and nothing of what they write is lost."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, f"sqlite:///{file}", str(number)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    errors = [each.communicate(timeout=60)[1] for each in processes]

    assert errors == ["", "", ""]
    assert sorted(task.attempts for task in store.find(TaskEntry)) == [2] * 120


def test_every_version_of_the_tables_is_kept(tmp_path: Path) -> None:
    """There is a file of each version; whoever changes the tables adds one."""
    assert {path.stem for path in CORPUS.iterdir()} == {f"version-{number}" for number in range(1, SCHEMA_VERSION + 1)}


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.stem)
def test_an_old_file_is_read_and_written(tmp_path: Path, path: Path) -> None:
    """What an earlier version wrote is read in full, and goes on being written to."""
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.executescript(path.read_text("utf-8"))
    store = SqlHistory(f"sqlite:///{tmp_path}/old.db")

    assert [store.find(kind) for kind in KINDS] == [
        [entry] if path.stem >= SINCE.get(type(entry), "version-1") else [] for entry in ONE_OF_EACH
    ]
    store.register(a_task(7))
    assert store.get(TaskEntry, "task-7") == a_task(7)


def test_an_old_file_gets_the_columns_that_were_added(tmp_path: Path) -> None:
    """What is written to it now is all there when it is read again, also by whoever opens it next."""
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as connection:
        connection.executescript((CORPUS / "version-1.sql").read_text("utf-8"))
    judged = a_task(7, verdict="verified", verdict_ratio=0.75)
    SqlHistory(f"sqlite:///{path}").register(judged)

    assert SqlHistory(f"sqlite:///{path}").get(TaskEntry, "task-7") == judged
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version FROM agentic_history").fetchall() == [(SCHEMA_VERSION,)]


def test_the_tables_are_those_of_the_newest_file(file: Path, store: SqlHistory) -> None:
    """The tables cannot change without a new version."""
    store.find(RunEntry)
    with sqlite3.connect(file) as connection:
        made = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    kept = (CORPUS / f"version-{SCHEMA_VERSION}.sql").read_text("utf-8")

    assert made == {statement for statement in made if _plain(statement) in _plain(kept)}


def test_a_file_of_a_newer_version_is_left_alone(file: Path, store: SqlHistory) -> None:
    """It says which form was found and which one is known."""
    store.register(a_run())
    store.close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE agentic_history SET version = 99")

    with pytest.raises(
        HistoryUnusable, match=rf"has the form 99, and this version of agentic-prefect knows {SCHEMA_VERSION}. Set"
    ):
        SqlHistory(f"sqlite:///{file}").register(a_run(2))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense", "an address that is none"),
        ("sqlite:////dev/null/history.db", "File exists"),
        ("nosuch://u:hidden@host/db", "Can't load plugin"),
    ],
)
def test_a_database_that_cannot_be_used_is_named(url: str, why: str) -> None:
    """The message says which one, why, and which settings help; never a password."""
    with pytest.raises(HistoryUnusable, match=rf"{re.escape(why)}.*AGENTIC_HISTORY_URL") as caught:
        SqlHistory(url).find(RunEntry)

    assert "hidden" not in str(caught.value)


def test_a_database_that_breaks_later_is_named(file: Path, store: SqlHistory) -> None:
    """Reading and writing both say that the store cannot be used."""
    store.register(a_run())
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE agentic_runs")

    with pytest.raises(HistoryUnusable, match="no such table"):
        store.register(a_run(2))
    with pytest.raises(HistoryUnusable, match="no such table"):
        store.get(RunEntry, "run-0")


def _plain(sql: str) -> str:
    return re.sub(r"\s+|IF NOT EXISTS|;", "", sql)
