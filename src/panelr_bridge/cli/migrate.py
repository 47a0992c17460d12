"""migrate: create or update the database tables."""

from typing import Annotated

import typer

from panelr_bridge.cli.console import out
from panelr_bridge.cli.startup import run
from panelr_bridge.settings import Settings, load_settings
from panelr_bridge.store import migrate as migrations
from panelr_bridge.store import schema_version
from panelr_bridge.store.database import open_database

app = typer.Typer(add_completion=False)


@app.command()
def migrate(
    to: Annotated[str, typer.Option(help="Revision to migrate to. base removes all tables and their data.")] = "head",
) -> None:
    """Create the database tables, or update them to this version."""
    run(_migrate(load_settings(), to))


async def _migrate(settings: Settings, to: str) -> None:
    async with open_database(settings.database_url) as database:
        if to == "base":
            await database.write(migrations.downgrade)
            out.print("all tables are removed")
            return
        was_behind = await database.read(schema_version.is_behind)
        await database.write(migrations.upgrade, to)
        out.print("the tables are now up to date" if was_behind else "the tables are already up to date")
