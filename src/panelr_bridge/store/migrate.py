"""Bring the database's tables to this version of the bridge, or back."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import panelr_bridge

LOCK = 7_262_335_067  # any number that is ours: two processes that migrate at once wait for each other


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Apply every migration up to `revision`."""
    _wait_for_others(connection)
    command.upgrade(_config(connection), revision)


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Take back every migration after `revision`."""
    _wait_for_others(connection)
    command.downgrade(_config(connection), revision)


def pending(connection: Connection) -> bool:
    """Return whether the database is not at this version of the bridge."""
    present = set(MigrationContext.configure(connection).get_current_heads())
    return present != set(ScriptDirectory.from_config(_config(connection)).get_heads())


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(panelr_bridge.__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def _wait_for_others(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
