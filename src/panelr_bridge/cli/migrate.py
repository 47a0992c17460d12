"""migrate: create or update the database tables."""

from typing import Annotated

import typer

from panelr_bridge import settings
from panelr_bridge.cli.console import out
from panelr_bridge.cli.startup import run
from panelr_bridge.settings import Settings
from panelr_bridge.store import database, schema_version
from panelr_bridge.store import migrate as migrations

app = typer.Typer(add_completion=False)


@app.command()
def migrate(
    to: Annotated[str, typer.Option(help="Revision to migrate to. base removes all tables and their data.")] = "head",
) -> None:
    """Create the database tables, or update them to this version."""
    run(_migrate(settings.load(), to))


async def _migrate(chosen: Settings, to: str) -> None:
    async with database.open_database(chosen.database_url) as opened:
        if to == "base":
            await opened.write(migrations.downgrade)
            out.print("all tables are removed")
            return
        was_behind = await opened.read(schema_version.is_behind)
        await opened.write(migrations.upgrade, to)
        out.print("the tables are now up to date" if was_behind else "the tables are already up to date")
