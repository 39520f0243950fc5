"""Whoever writes to a server's SQLite waits for its turn, and is not refused for having read first."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from prefect.server.database import dependencies
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings
from sqlalchemy import text

from agentic_prefect.hosting.sqlite import WaitingSqlite, wait_for_turns


async def test_a_transaction_has_its_turn_from_its_beginning(tmp_path: Path) -> None:
    """Another one cannot write between what it reads and what it writes; reading goes on meanwhile."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE t (n)")
    config = WaitingSqlite(f"sqlite+aiosqlite:///{path}")
    engine = await config.engine()
    try:
        async with await config.session(engine) as session, config.begin_transaction(session):
            with (
                closing(sqlite3.connect(path, timeout=0)) as other,
                pytest.raises(sqlite3.OperationalError, match="locked"),
            ):
                other.execute("INSERT INTO t VALUES (0)")
            async with await config.session(engine) as reader:
                before = (await reader.execute(text("SELECT * FROM t"))).all()
            await session.execute(text("INSERT INTO t VALUES (1)"))
        with closing(sqlite3.connect(path)) as other:
            after = other.execute("SELECT * FROM t").fetchall()
    finally:
        await engine.dispose()

    assert (before, after) == ([], [(1,)])


@pytest.mark.parametrize(
    ("url", "used"),
    [("sqlite+aiosqlite:////nowhere/a.db", WaitingSqlite), ("postgresql+asyncpg://u:p@127.0.0.1/d", type(None))],
)
def test_only_sqlite_is_written_to_in_turns(url: str, used: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other database is left to Prefect."""
    monkeypatch.setitem(dependencies.MODELS_DEPENDENCIES, "database_config", None)
    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: url}):
        wait_for_turns()

    assert type(dependencies.MODELS_DEPENDENCIES["database_config"]) is used
