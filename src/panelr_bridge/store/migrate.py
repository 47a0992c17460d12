"""Migrate the database's tables to this version of the bridge, or back."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from panelr_bridge.store.schema_version import MIGRATIONS

LOCK_KEY = 7_262_335_067
"""The key of the advisory lock that makes concurrent migrations wait for each other: an arbitrary number."""


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Apply every migration up to `revision`."""
    _acquire_lock(connection)
    command.upgrade(_build_config(connection), revision)


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Revert every migration after `revision`."""
    _acquire_lock(connection)
    command.downgrade(_build_config(connection), revision)


def _build_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _acquire_lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK_KEY})
