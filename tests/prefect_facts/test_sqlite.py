"""What a Prefect server on SQLite relies on."""

import gc
from pathlib import Path

import aiosqlite
import pytest
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
