"""The history in a database, a file of SQLite's unless an address says otherwise."""

import logging
import threading
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    delete,
    func,
    select,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from agentic_prefect.errors import AgenticError
from agentic_prefect.history.database import location, open_engine
from agentic_prefect.history.rows import NAMES, entry_of, row_of
from agentic_prefect.history.tables import (
    DEAD_LETTERS,
    FAILURES,
    INSERTS,
    PROMPTS,
    REPORTS,
    RUNS,
    TABLES,
    TASKS,
    UPDATES,
)
from agentic_prefect.models.history import (
    ANY,
    NONE,
    AnyEntry,
    EntryT,
    HistoryQuery,
    Metric,
    ReportEntry,
    Summary,
    TaskEntry,
    conditions,
    group,
)
from agentic_prefect.models.history_errors import AlreadyRecorded, HistoryUnusable, NotRecorded

_log = logging.getLogger(__name__)


class SqlHistory:
    """A `HistoryStore` in a database. Several processes may write to the same one.

    Nothing is opened before it is needed.

    Args:
        url: The database's address, as SQLAlchemy writes it; `sqlite:////data/history.db` is a file.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._opened: Engine | None = None

    def register(self, *entries: AnyEntry) -> None:
        """Add entries; all of them or none.

        Raises:
            AlreadyRecorded: One is there already.
            HistoryUnusable: The database cannot be written.
        """
        grouped = _by_kind(entries)
        for kind, several in grouped:
            twice = [entry_id for entry_id, times in Counter(entry.id for entry in several).items() if times > 1]
            if twice:
                raise AlreadyRecorded(NAMES[kind], twice[0])
        try:
            with self._writing() as connection:
                for kind, several in grouped:
                    connection.execute(INSERTS[kind], [row_of(entry) for entry in several])
        except IntegrityError:
            raise self._refusal(grouped) from None

    def update(self, *entries: AnyEntry) -> None:
        """Put entries in the place of those with their ids; all of them or none.

        Raises:
            NotRecorded: One is not there.
            HistoryUnusable: The database cannot be written.
        """
        with self._writing() as connection:
            for kind, several in _by_kind(entries):
                table = TABLES[kind]
                rows = [row_of(entry) for entry in several]
                for row in rows:
                    row["_id"] = row.pop("id")
                change = UPDATES[kind]
                if connection.dialect.supports_sane_multi_rowcount:
                    changed = connection.execute(change, rows).rowcount
                else:
                    changed = sum(connection.execute(change, row).rowcount for row in rows)
                if changed < len(several):
                    known = _known(connection, table, several)
                    missing = next(entry.id for entry in several if entry.id not in known)
                    raise NotRecorded(NAMES[kind], missing)

    def get(self, kind: type[EntryT], entry_id: str) -> EntryT | None:
        """The entry with an id, if there is one that can be read."""
        table = TABLES[kind]
        found = self._read(kind, select(table).where(table.c.id == entry_id))
        return found[0] if found else None

    def find(self, kind: type[EntryT], query: HistoryQuery = ANY) -> Sequence[EntryT]:
        """The entries that are meant, the latest first. One that cannot be read is logged and left out.

        Raises:
            UnknownCondition: The query asks for what such entries do not have.
            HistoryUnusable: The database cannot be read.
        """
        table = TABLES[kind]
        asked = select(table).where(*_where(kind, query)).order_by(table.c.at.desc(), table.c.id.desc())
        return self._read(kind, asked if query.latest is None else asked.limit(query.latest))

    def count(self, kind: type[EntryT], by: str, query: HistoryQuery = ANY) -> Mapping[str, int]:
        """How many entries there are for each value of a field, the most frequent first.

        Raises:
            UnknownCondition: Such entries do not have this field, or one that the query asks for.
            HistoryUnusable: The database cannot be read.
        """
        column = _group(kind, by)
        asked = select(column, func.count()).where(*_where(kind, query)).group_by(column)
        with self._reading() as connection:
            found = {str(value): int(number) for value, number in connection.execute(asked)}
        return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))

    def summarise(self, metric: Metric, by: str, query: HistoryQuery = ANY) -> Mapping[str, Summary]:
        """A metric over tasks for each value of a field. What has entries of its own elsewhere is left out.

        Raises:
            UnknownCondition: Tasks do not have this field, or one that the query asks for.
            HistoryUnusable: The database cannot be read.
        """
        column = _group(TaskEntry, by)
        value: ColumnElement[Any] = (
            TASKS.c.input_tokens + TASKS.c.output_tokens if metric == "tokens" else TASKS.c[metric]
        )
        asked = (
            select(column, func.count(), func.count(value), func.sum(value), func.min(value), func.max(value))
            .where(TASKS.c.composite.is_(False), *_where(TaskEntry, query))
            .group_by(column)
            .order_by(column)
        )
        with self._reading() as connection:
            rows = connection.execute(asked).all()
        return {
            str(key): Summary(
                count=count,
                known=known,
                total=float(total or 0.0),
                mean=float(total) / known if known else None,
                least=None if least is None else float(least),
                most=None if most is None else float(most),
            )
            for key, count, known, total, least, most in rows
        }

    def prune(self, before: datetime) -> int:
        """Remove the runs in which nothing has changed since `before`, with all that belongs to them but open letters.

        Returns:
            How many entries that were.

        Raises:
            HistoryUnusable: The database cannot be written.
        """
        removed = 0
        with self._writing() as connection:
            kept = (
                select(RUNS.c.run_id)
                .where(RUNS.c.updated_at >= before)
                .union(select(TASKS.c.run_id).where(TASKS.c.updated_at >= before))
                .subquery()
            )
            for table in (FAILURES, PROMPTS, TASKS, RUNS):
                old = table.c.run_id.not_in(select(kept.c.run_id))
                removed += connection.execute(delete(table).where(table.c.updated_at < before, old)).rowcount
            seen_to = DEAD_LETTERS.c.status != "open"
            removed += connection.execute(
                delete(DEAD_LETTERS).where(DEAD_LETTERS.c.updated_at < before, seen_to)
            ).rowcount
            removed += connection.execute(delete(REPORTS).where(REPORTS.c.at < before)).rowcount
        return removed

    def close(self) -> None:
        """Let go of the database."""
        if self._opened is not None:
            self._opened.dispose()

    def _read(self, kind: type[EntryT], asked: Select[Any]) -> list[EntryT]:
        with self._reading() as connection:
            rows = connection.execute(asked).mappings().all()
        found: list[EntryT] = []
        for row in rows:
            try:
                found.append(entry_of(kind, cast("Mapping[str, Any]", row)))
            except (ValueError, ArithmeticError, TypeError) as error:
                reason = " ".join(str(error).split())[:300]
                _log.warning(
                    "The %s %r in the history cannot be read and is left out: %s", NAMES[kind], row["id"], reason
                )
        return found

    def _refusal(self, grouped: Sequence[tuple[type[AnyEntry], list[AnyEntry]]]) -> AgenticError:
        with self._reading() as connection:
            for kind, several in grouped:
                known = _known(connection, TABLES[kind], several)
                if known:
                    return AlreadyRecorded(NAMES[kind], min(known))
        return HistoryUnusable(location(self._url), "it refused an entry that it does not have")

    @contextmanager
    def _reading(self) -> Generator[Connection]:
        try:
            with self._engine().connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise self._unusable(error) from error

    @contextmanager
    def _writing(self) -> Generator[Connection]:
        try:
            with self._engine().begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise self._unusable(error) from error

    def _engine(self) -> Engine:
        with self._lock:
            if self._opened is None:
                self._opened = open_engine(self._url)
            return self._opened

    def _unusable(self, error: SQLAlchemyError) -> HistoryUnusable:
        cause = getattr(error, "orig", None) or error
        return HistoryUnusable(location(self._url), " ".join(str(cause).split())[:300])


def _by_kind(entries: Sequence[AnyEntry]) -> list[tuple[type[AnyEntry], list[AnyEntry]]]:
    """The entries by their kind, runs first."""
    order = list(TABLES)
    ordered = sorted(entries, key=lambda entry: order.index(type(entry)))
    return [(kind, list(several)) for kind, several in groupby(ordered, key=type)]


def _known(connection: Connection, table: Table, entries: Sequence[AnyEntry]) -> set[str]:
    ids = [entry.id for entry in entries]
    return set(connection.scalars(select(table.c.id).where(table.c.id.in_(ids))))


def _where(kind: type[AnyEntry], query: HistoryQuery) -> list[ColumnElement[bool]]:
    columns = TABLES[kind].c
    wanted = [columns[name] == value for name, value in conditions(kind, query).items()]
    if query.since is not None:
        wanted.append(columns.at >= query.since)
    if query.until is not None:
        wanted.append(columns.at < query.until)
    if kind is not ReportEntry and not query.rehearsals:
        wanted.append(columns.rehearsal.is_(False))
    return wanted


def _group(kind: type[AnyEntry], by: str) -> ColumnElement[str]:
    columns = TABLES[kind].c
    name = group(kind, by)
    if name == "prompt":
        return func.coalesce(columns["prompt_id"] + "@" + columns["prompt_version"], NONE)
    return func.coalesce(columns[name], NONE)
