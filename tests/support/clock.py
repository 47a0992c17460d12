"""A clock that a test sets, also in the database: the rate limit uses the database's time."""

from datetime import datetime

from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

# The search path finds it before PostgreSQL's own function.
_OWN_CLOCK = """
CREATE FUNCTION turned.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('test.now', true), '')::timestamptz, pg_catalog.statement_timestamp()) $$
"""


async def make_turnable(url: str) -> None:
    """Give a PostgreSQL database a clock that `turn` sets. Connections made later use it."""
    address = make_url(url)
    engine = create_async_engine(address.set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        await connection.execute(text("CREATE SCHEMA turned"))
        await connection.execute(text(_OWN_CLOCK))
        await connection.execute(
            text(f'ALTER DATABASE "{address.database}" SET search_path = turned, public, pg_catalog')
        )
    await engine.dispose()


def turn(connection: Connection, now: datetime) -> None:
    """Set the database's clock to `now` until this transaction ends. On SQLite the caller's clock is used anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT set_config('test.now', :now, true)"), {"now": now.isoformat()})
