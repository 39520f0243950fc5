"""What a Prefect server on SQLite relies on."""

import gc
from pathlib import Path

import aiosqlite
import pytest
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine


async def test_the_cursor_of_a_refused_statement_is_left_to_the_garbage_collector(tmp_path: Path) -> None:
    """SQLAlchemy 2.0 does not close it. The day that it does, `agentic_prefect.hosting.server` is not needed."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}", connect_args={"timeout": 0})
    gc.collect()
    gc.disable()
    try:
        async with engine.connect() as writer, engine.connect() as refused:
            await writer.execute(text("BEGIN IMMEDIATE"))
            with pytest.raises(OperationalError, match="locked"):
                await refused.execute(text("CREATE TABLE t (n)"))
            left = [each for each in gc.get_objects() if isinstance(each, aiosqlite.Cursor)]
    finally:
        gc.enable()
        await engine.dispose()

    assert len(left) == 1


async def test_a_transaction_that_has_read_is_refused_when_it_writes_after_another(tmp_path: Path) -> None:
    """At once, though it might wait for a minute. Hence the 503s, and `agentic_prefect.hosting.sqlite`."""
    config = AioSqliteConfiguration(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}")
    engine = await config.engine()
    try:
        async with engine.begin() as made:
            await made.execute(text("CREATE TABLE t (n)"))
        async with await config.session(engine) as first, config.begin_transaction(first):
            await first.execute(text("SELECT * FROM t"))
            async with await config.session(engine) as second, config.begin_transaction(second):
                await second.execute(text("INSERT INTO t VALUES (2)"))
            with pytest.raises(OperationalError, match="locked"):
                await first.execute(text("INSERT INTO t VALUES (1)"))
    finally:
        await engine.dispose()
