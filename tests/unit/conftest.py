"""A unit test uses no database and no server: the fixtures that make one fail here, and so do the drivers."""

import sqlite3
import sqlite3.dbapi2
from typing import Any, NoReturn

import asyncpg
import pytest

WORDS = "a unit test uses no database and no server: move it to tests/database or tests/flow"


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every attempt to connect to a database fail."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        pytest.fail(WORDS)

    for driver in (sqlite3, sqlite3.dbapi2, asyncpg):
        monkeypatch.setattr(driver, "connect", refuse)
    monkeypatch.setattr(asyncpg, "create_pool", refuse)


@pytest.fixture
def dialect() -> NoReturn:
    """Fail: every fixture with a database begins with this one."""
    pytest.fail(WORDS)


@pytest.fixture
def panelr() -> NoReturn:
    """Fail: it would be a server."""
    pytest.fail(WORDS)
