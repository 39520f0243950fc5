"""The tables of the history. Everything that is asked for has a column, so that plain SQL reads them, too."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    insert,
    update,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from agentic_prefect.models.history import (
    AnyEntry,
    DeadLetterEntry,
    FailureEntry,
    PromptEntry,
    ReportEntry,
    RunEntry,
    TaskEntry,
)

SCHEMA_VERSION = 4
"""To be raised with every change of the tables; a file of each version is kept with the tests."""

METADATA = MetaData()


class Moment(TypeDecorator[datetime]):
    """A time in UTC. SQLite has no type for it; there it is ISO 8601 text, which sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type in a database."""
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """The value as it is written."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The value as it was read; text is understood with the rest of the row, where a fault spoils only that."""
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _entry(name: str, *columns: Column[Any]) -> Table:
    return Table(
        f"agentic_{name}",
        METADATA,
        Column("id", String(64), primary_key=True),
        Column("at", Moment, nullable=False),
        Column("updated_at", Moment, nullable=False),
        *columns,
        Index(f"agentic_{name}_at", "at"),
    )


def _of_run(name: str, *columns: Column[Any]) -> Table:
    return _entry(
        name,
        Column("run_id", Text, nullable=False, index=True),
        Column("lineage", Text, nullable=False),
        Column("plan", Text, nullable=False),
        Column("rehearsal", Boolean, nullable=False),
        *columns,
    )


def _usage() -> tuple[Column[Any], ...]:
    counted = ("input_tokens", "output_tokens", "cached_tokens", "calls")
    return (*(Column(name, BigInteger, nullable=False) for name in counted), Column("cost_usd", Float(53)))


def _prompt() -> tuple[Column[Any], ...]:
    return Column("prompt_id", Text), Column("prompt_version", Text), Column("prompt_hash", String(64))


VERSION = Table("agentic_history", METADATA, Column("version", Integer, primary_key=True, autoincrement=False))

RUNS = _of_run(
    "runs",
    Column("parent_run_id", Text),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("tasks", Integer, nullable=False),
    Column("ended_at", Moment),
    Column("duration_s", Float(53)),
    *_usage(),
)

TASKS = _of_run(
    "tasks",
    Column("task_id", Text, nullable=False),
    Column("task_run_id", Text),
    Column("kind", Text, nullable=False),
    Column("agent", Text),
    Column("model", Text),
    *_prompt(),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("code", Text),
    Column("resolution", Text),
    Column("cached", Boolean, nullable=False),
    Column("composite", Boolean, nullable=False),
    Column("ended_at", Moment),
    Column("duration_s", Float(53)),
    *_usage(),
    Column("verdict", Text),
    Column("verdict_ratio", Float(53)),
)

FAILURES = _of_run(
    "failures",
    Column("task_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("agent", Text),
    Column("model", Text),
    *_prompt(),
    Column("attempt", Integer, nullable=False),
    Column("code", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("resolution", Text, nullable=False),
    Column("recovered", Boolean),
)

DEAD_LETTERS = _of_run(
    "dead_letters",
    Column("task_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("agent", Text),
    Column("status", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("errors", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("resolved_by", Text, nullable=False),
    Column("comment", Text, nullable=False),
)

PROMPTS = _of_run(
    "prompts",
    Column("task_id", Text, nullable=False),
    Column("agent", Text),
    Column("model", Text),
    *_prompt(),
    Column("attempt", Integer, nullable=False),
    Column("refinement", Integer, nullable=False),
    Column("text_hash", String(64), nullable=False),
    Column("parent", String(64), nullable=False),
    Column("text", Text, nullable=False),
)

REPORTS = _entry(
    "reports",
    Column("failures", Integer, nullable=False),
    Column("text", Text, nullable=False),
)

ADDED: Mapping[int, tuple[Column[Any], ...]] = {2: (TASKS.c.verdict, TASKS.c.verdict_ratio)}
"""The columns that came with each version of the tables; versions 3 and 4 brought a table each."""

TABLES: Mapping[type[AnyEntry], Table] = {
    RunEntry: RUNS,
    TaskEntry: TASKS,
    FailureEntry: FAILURES,
    DeadLetterEntry: DEAD_LETTERS,
    PromptEntry: PROMPTS,
    ReportEntry: REPORTS,
}

INSERTS = {kind: insert(table) for kind, table in TABLES.items()}
UPDATES = {kind: update(table).where(table.c.id == bindparam("_id")) for kind, table in TABLES.items()}
"""Made once: to make one takes as long as to carry it out."""
