"""Alembic's environment: it migrates the connection that `store/migrate.py` passes, or the database of the settings."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from panelr_bridge import settings
from panelr_bridge.store import database
from panelr_bridge.store.schema import metadata


def run(connection: Connection) -> None:
    """Run the requested migrations; batch mode, because SQLite changes a table by copying it."""
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_by_settings() -> None:
    """Run the migrations for alembic's own command line."""
    async with database.open_database(settings.load_settings().database_url) as opened:
        await opened.write(run)


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_by_settings())
