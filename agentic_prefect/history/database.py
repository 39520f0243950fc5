"""Opens the database of a history, and makes its tables."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import DDL, Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from agentic_prefect.history.tables import ADDED, METADATA, SCHEMA_VERSION, VERSION
from agentic_prefect.models.history_errors import HistoryUnusable

LOCK_TIMEOUT_S = 5.0
"""How long SQLite waits for another process to end its writing."""


def location(url: str) -> str:
    """The address of a database as people may read it, without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "an address that is none"


def require_folder(url: str) -> None:
    """Make sure that a file of SQLite's would be in a folder that is there: a mistyped path is no empty history.

    Raises:
        HistoryUnusable: The folder is not there.
    """
    with suppress(ArgumentError):  # what is no address is told when it is opened
        parsed = make_url(url)
        folder = Path(parsed.database or "").parent
        if parsed.get_backend_name() == "sqlite" and not folder.is_dir():
            raise HistoryUnusable(location(url), f"the folder {str(folder)!r} does not exist")


def open_engine(url: str) -> Engine:
    """A database with the tables of this version.

    Raises:
        HistoryUnusable: It cannot be opened, or holds the tables of another version.
    """
    try:
        parsed = make_url(url)
        _make_folder(parsed)
        engine = create_engine(
            parsed, connect_args=_arguments(parsed), pool_pre_ping=parsed.get_backend_name() != "sqlite"
        )
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise HistoryUnusable(location(url), _reason(error)) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_connect)
    try:
        with engine.begin() as connection:
            found = _version(connection)
    except SQLAlchemyError as error:
        raise HistoryUnusable(location(url), _reason(error)) from error
    if found != SCHEMA_VERSION:
        raise HistoryUnusable(
            location(url), f"it has the form {found}, and this version of agentic-prefect knows {SCHEMA_VERSION}"
        )
    return engine


def _make_folder(url: URL) -> None:
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def _arguments(url: URL) -> dict[str, Any]:
    return {"timeout": LOCK_TIMEOUT_S} if url.get_backend_name() == "sqlite" else {}


def _on_connect(connection: Any, _: object) -> None:
    # Readers and one writer do not wait for each other, and what was committed survives the process's death.
    # Another process may be about the same; then it is done, too.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _version(connection: Connection) -> int:
    """The version of the tables that are there; what an earlier version did not have is made."""
    # "If not exists" is the database's own word: two processes may come here at the same time.
    connection.execute(CreateTable(VERSION, if_not_exists=True))
    found = connection.scalar(select(VERSION.c.version))
    if found is not None and found >= SCHEMA_VERSION:
        return int(found)
    for table in METADATA.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    if found is not None:
        return _upgraded(connection, int(found))
    with suppress(IntegrityError), connection.begin_nested():
        connection.execute(insert(VERSION), {"version": SCHEMA_VERSION})
    return SCHEMA_VERSION


def _upgraded(connection: Connection, found: int) -> int:
    """The version of the tables once they have every column that was added since."""
    for version in range(found + 1, SCHEMA_VERSION + 1):
        for column in ADDED.get(version, ()):
            # Another process may be about the same; then it is there already.
            with suppress(OperationalError, ProgrammingError), connection.begin_nested():
                kind = column.type.compile(connection.dialect)
                connection.execute(DDL(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}"))
    connection.execute(update(VERSION).where(VERSION.c.version < SCHEMA_VERSION).values(version=SCHEMA_VERSION))
    return SCHEMA_VERSION


def _reason(error: Exception) -> str:
    cause = error.orig if isinstance(error, OperationalError) and error.orig else error
    return " ".join(str(cause).split())[:300] or type(error).__name__
