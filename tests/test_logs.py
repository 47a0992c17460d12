"""What the log must not tell."""

import logging
import traceback
from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from panelr_bridge import logs
from panelr_bridge.logs import LogFormat
from panelr_bridge.store.database import Database

CUSTOMER = "ada@example.test"


@pytest.fixture
def configured() -> Iterator[None]:
    """Put the whole process's logging back as it was."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def refused(connection: Connection) -> None:
    """Write a row that PostgreSQL refuses, and tells in full."""
    connection.execute(text("CREATE TEMPORARY TABLE people (email text, name text NOT NULL)"))
    connection.execute(text("INSERT INTO people (email) VALUES (:email)"), {"email": CUSTOMER})


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.usefixtures("configured")
async def test_a_row_that_postgresql_refuses_is_left_out_of_the_trace(
    opened: Database, log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    """In our own lines as in those of libraries."""
    logs.configure(log_format)
    with pytest.raises(IntegrityError) as caught:
        await opened.write(refused)
    assert CUSTOMER in "".join(traceback.format_exception(caught.value))
    for tell in (structlog.get_logger("ours").error, logging.getLogger("theirs").error):
        tell("worker.failed", exc_info=caught.value)
        said = capsys.readouterr().err
        assert "DETAIL: (left out)" in said
        assert "not-null constraint" in said
        assert CUSTOMER not in said
