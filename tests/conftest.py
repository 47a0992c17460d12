"""Fixtures of all tests: both databases with the schema of the migrations, Panelr's simulator, the bridge."""

import asyncio
import functools
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest
import structlog
import uvloop
from hypothesis import HealthCheck

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr import create_app as create_panelr
from panelr_bridge.simulators.server import running
from panelr_bridge.store import database
from panelr_bridge.store.database import Database
from tests.support import clock, postgres
from tests.support.bridge_kit import ADMIN_TOKEN, ORDERS_SINCE, PANELR_KEY, SECRET, Kit, kit_of
from tests.support.properties import examples

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """Run tests on uvloop, as the program runs. A module adds other loops by its LOOPS."""
    factories: Mapping[str, LoopFactory] = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    wanted = getattr(getattr(item, "module", None), "LOOPS", ("uvloop",))
    return {name: factories[name] for name in wanted}


def pytest_configure() -> None:
    """Keep the machine's settings out of the tests, and painted stack frames out of the logs."""
    # reading the certificates costs more than most tests
    setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))  # noqa: B010
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    # how long an example takes depends on what else the machine does
    hypothesis.settings.register_profile(
        "any machine", examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("any machine")
    for name in [name for name in os.environ if name.startswith("BRIDGE_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file for tests to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(postgres.migrate_database(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server that runs for this session."""
    with postgres.run_server(tmp_path_factory.mktemp("runtime")) as uri:
        yield uri


@pytest.fixture(scope="session")
def postgres_pool(postgres_server: str) -> postgres.DatabasePool:
    """The PostgreSQL databases that this session's tests take turns to use."""
    return postgres.DatabasePool(postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Run the test once on each database. A test for one database overrides this by a parameter."""
    return str(request.param)


@pytest.fixture
def empty_database_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database without tables."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'bridge.db'}"
        return
    server: str = request.getfixturevalue("postgres_server")
    name = postgres.new_name()
    asyncio.run(postgres.run_sql(server, f"CREATE DATABASE {name}"))
    yield postgres.address_of(server, name)
    asyncio.run(postgres.drop_database(server, name))


@pytest.fixture
def database_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a migrated database that only this test uses."""
    if dialect == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "bridge.db")
        yield f"sqlite:///{tmp_path / 'bridge.db'}"
        return
    pool: postgres.DatabasePool = request.getfixturevalue("postgres_pool")
    url = asyncio.run(pool.take())
    yield url
    asyncio.run(pool.give_back(url))


@pytest.fixture
def turned_url(database_url: str, dialect: str) -> str:
    """The address of a database whose clock `tests.support.clock.turn` sets, for one transaction at a time."""
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
    """A simulated Panelr on loopback: its address, and its state."""
    app = create_panelr(api_key=PANELR_KEY)
    async with running(app) as url:
        yield url, app.state.panel


@pytest.fixture
def settings(database_url: str, panelr: tuple[str, Panel]) -> Settings:
    """Settings with which the bridge works. A test changes them in a copy, by `model_copy`."""
    return Settings(
        webhook_secret=SECRET,
        admin_token=ADMIN_TOKEN,
        panelr_url=panelr[0],
        panelr_api_key=PANELR_KEY,
        database_url=database_url,
        panelr_timeout_seconds=10,
        grace_seconds=0.1,
        retry_schedule_seconds=(0.1, 0.2, 0.4),
        orders_since=ORDERS_SINCE,
    )


@pytest.fixture
async def kit(settings: Settings, panelr: tuple[str, Panel]) -> AsyncIterator[Kit]:
    """The bridge with its worker, in the test's process."""
    async with kit_of(settings, panelr[1]) as kit:
        yield kit
