"""Which version the database's tables are of. Asking does not need alembic, which takes long to load."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

import panelr_bridge

PACKAGE = Path(panelr_bridge.__file__).parent
MIGRATIONS = PACKAGE / "migrations"
"""The folder of alembic's scripts: inside the package as the wheel installs it, else at the top of the checkout."""
if not MIGRATIONS.is_dir():
    MIGRATIONS = PACKAGE.parents[1] / "migrations"


def newest_revision() -> str:
    """Return the revision of this version of the bridge: that of the last file, as `alembic.ini` names them."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def is_behind(connection: Connection) -> bool:
    """Return whether the database is not at this version of the bridge."""
    if not inspect(connection).has_table("alembic_version"):
        return True
    return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars()) != [newest_revision()]
