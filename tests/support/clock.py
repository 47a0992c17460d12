"""A clock that a test turns, in the database too: the rate limit goes by the database's time."""

from datetime import datetime

from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

# It stands before PostgreSQL's own function in the search path.
_OWN_CLOCK = """
CREATE FUNCTION turned.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('test.now', true), '')::timestamptz, pg_catalog.statement_timestamp()) $$
"""


async def make_turnable(url: str) -> None:
    """Give a PostgreSQL database a clock that `turn` sets; later connections go by it."""
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
    """Let it be `now` in the database until this transaction ends. SQLite goes by its caller's clock anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT set_config('test.now', :now, true)"), {"now": now.isoformat()})
