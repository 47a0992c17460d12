"""Bring the database's tables to this version of the bridge, or back."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from panelr_bridge.store.schema_version import MIGRATIONS

LOCK = 7_262_335_067  # any number that is ours: two processes that migrate at once wait for each other


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Apply every migration up to `revision`."""
    _wait_for_others(connection)
    command.upgrade(_config(connection), revision)


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Take back every migration after `revision`."""
    _wait_for_others(connection)
    command.downgrade(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _wait_for_others(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
