"""The version of the database's tables, read without alembic, which is slow to import."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

import panelr_bridge

PACKAGE = Path(panelr_bridge.__file__).parent
MIGRATIONS = PACKAGE / "migrations"
"""The folder of the migrations: inside the installed package, or at the top of a checkout."""
if not MIGRATIONS.is_dir():
    MIGRATIONS = PACKAGE.parents[1] / "migrations"


def newest_revision() -> str:
    """Return the newest migration's revision, from its file name."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def is_behind(connection: Connection) -> bool:
    """Return whether the database is at another revision than this version of the bridge."""
    if not inspect(connection).has_table("alembic_version"):
        return True
    return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars()) != [newest_revision()]
