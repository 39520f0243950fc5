"""How a Prefect server writes to SQLite."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.server.utilities.database import get_dialect
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


class WaitingSqlite(AioSqliteConfiguration):
    """Prefect's SQLite, whose transactions wait for their turn to write when they begin.

    Prefect begins most of them for reading. SQLite refuses such a one at once, however long it may wait, when it comes
    to write and another one has written meanwhile: the server then answers 503.
    """

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction]:
        """As Prefect's own, but always `with_for_update`."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            await session.connection()  # the turn is taken here, not at the first statement
            # What else is opened within would wait for this very transaction.
            mode = SQLITE_BEGIN_MODE.set("DEFERRED")
            try:
                yield transaction
            finally:
                SQLITE_BEGIN_MODE.reset(mode)


def wait_for_turns() -> None:
    """Let the server of this process use `WaitingSqlite`, if its database is SQLite."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if get_dialect(url).name == "sqlite":
        set_database_config(WaitingSqlite(url))
