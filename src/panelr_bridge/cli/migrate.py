"""migrate: the tables of this version."""

from panelr_bridge import settings
from panelr_bridge.cli.console import out
from panelr_bridge.cli.startup import run
from panelr_bridge.settings import Settings
from panelr_bridge.store import database, migrate, schema_version


def bring(to: str) -> None:
    """Bring the tables to a revision, and say what that came to."""
    run(_bring(settings.load(), to))


async def _bring(chosen: Settings, to: str) -> None:
    async with database.open_database(chosen.database_url) as opened:
        if to == "base":
            await opened.write(migrate.downgrade)
            out.print("the tables are gone")
            return
        before = await opened.read(schema_version.is_behind)
        await opened.write(migrate.upgrade, to)
        out.print("the tables are of this version now" if before else "the tables are of this version already")
