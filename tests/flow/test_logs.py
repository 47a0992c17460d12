"""What the log must not contain, and that the bridge's log lines equal those of structlog's processors."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timezone, tzinfo
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Self

import pytest
import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from panelr_bridge import logs
from panelr_bridge.domain.models import OrderState
from panelr_bridge.logs import LogFormat
from panelr_bridge.store.database import Database
from tests.torture import settle

CUSTOMER = "ada@example.test"


@pytest.fixture
def configured() -> Iterator[None]:
    """Restore the logging of the process."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def refused(connection: Connection) -> None:
    """Write a row that PostgreSQL refuses with an error that quotes all of it."""
    connection.execute(text("CREATE TEMPORARY TABLE people (email text, name text NOT NULL)"))
    connection.execute(text("INSERT INTO people (email) VALUES (:email)"), {"email": CUSTOMER})


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.usefixtures("configured")
async def test_a_row_that_postgresql_refuses_is_left_out_of_the_trace(
    opened: Database, log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    """This holds for the bridge's lines and for those of libraries."""
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


# The bridge's own log lines


def fail() -> None:
    """Raise an exception that contains personal data."""
    raise ValueError("refused\nDETAIL:  Failing row contains (ada@example.test).\nCONTEXT: none")


def failing(tell: Callable[..., None], **more: Any) -> None:
    """Log while an exception is being handled."""
    try:
        fail()
    except ValueError:
        tell("worker.failed", **more)


def exception_information(log: Any) -> None:
    """Log an exception as an object, as a tuple, and none at all."""
    with pytest.raises(ValueError, match="refused") as caught:
        fail()
    for given in (caught.value, (caught.type, caught.value, caught.tb), False, None, True, "yes", (1, 2, 3)):
        log.error("call.finished", exc_info=given)


def of_many_kinds(log: Any) -> None:
    """Log values of every JSON type, and unusual text."""
    log.info("order.decided", state=OrderState.QUEUED, none=None, number=1.5, whole=2**70, yes=True, pair=(1, 2))
    log.info("order.decided", text='\u20ac \ud800 \x00 \n "', nested={"a": [OrderState.HELD, {"b": "\u20ac"}]})


TOLD: dict[str, Callable[[Any], Any]] = {
    "a line": lambda log: log.info("delivery.received", store="default", times=1),
    "a line without words": lambda log: log.info("bridge.stopped"),
    "every level": lambda log: [
        getattr(log, level)("bridge.started") for level in ("debug", "info", "warn", "warning", "error", "fatal", "msg")
    ],
    "a level's number": lambda log: log.log(logging.WARNING, "bridge.started"),
    "what stands in its place": lambda log: log.info("%s of %d", "one", 2),
    "names that are taken": lambda log: log.info("x", level="high", timestamp="now", request_id="mine", exception=7),
    "a bound name": lambda log: log.bind(store="eu").info("delivery.received"),
    "values of many kinds": of_many_kinds,
    "an exception": lambda log: failing(log.exception),
    "an exception of an error": lambda log: failing(log.error, exc_info=True),
    "an exception as it is": exception_information,
}


@pytest.fixture(params=[0, 1200], ids=["on the second", "between seconds"])
def stopped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the log's clock."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(2026, 11, 25, 7, 9, 30, request.param, tz)

    monkeypatch.setattr(logs, "datetime", Stopped)
    monkeypatch.setattr(structlog.processors, "datetime", SimpleNamespace(datetime=Stopped, timezone=timezone))


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("bound", [{}, {"request_id": "0b0e9a6c1d7f4f0c"}])
@pytest.mark.usefixtures("configured", "stopped")
def test_a_line_is_what_structlogs_own_processors_make_of_it(
    told: Callable[[Any], Any], log_format: LogFormat, bound: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(log_format)
    renderer = structlog.processors.JSONRenderer()
    console = structlog.get_config()["processors"][-1]
    theirs = [*logs.SHARED, *logs.SHAPED, renderer if log_format == "json" else console]
    with structlog.contextvars.bound_contextvars(**bound):
        told(structlog.get_logger())
        ours = capsys.readouterr().err
        structlog.configure(processors=theirs)
        told(structlog.get_logger())
    assert ours.isascii() or log_format == "console"
    assert _read(ours, log_format) == _read(capsys.readouterr().err, log_format) != []


def _read(said: str, log_format: LogFormat) -> list[Any]:
    return [json.loads(line) for line in said.splitlines()] if log_format == "json" else said.splitlines()


@pytest.mark.usefixtures("configured")
def test_what_json_has_no_word_for_is_reported_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    log = structlog.get_logger()
    log.info("order.decided", price=Decimal("1.10"), at=datetime(2026, 1, 2, tzinfo=UTC), several={1}, n=float("nan"))
    told = json.loads(capsys.readouterr().err)
    assert told | {"price": 1.1, "at": "2026-01-02T00:00:00Z", "several": [1], "n": None} == told
    log.info("order.decided", kind=ValueError, error=ValueError("x"), text="\ud800", raw=b"\xff")
    told = json.loads(capsys.readouterr().err)
    assert told | {"kind": "<class 'ValueError'>", "error": "ValueError('x')", "raw": "b'\\xff'"} == told
    log.info("order.decided", text="\ud800", number=float("nan"))
    assert json.loads(capsys.readouterr().err)["text"] == "\ud800"


@pytest.mark.parametrize(
    ("level", "more", "wrong"),
    [
        ("info", {}, False),
        ("warning", {"reason": "error"}, False),
        ("error", {}, True),
        ("error", {"kind": ValueError}, True),  # JSON has no form for it, so the slow writer is used
        ("critical", {}, True),
    ],
)
@pytest.mark.usefixtures("configured")
def test_the_long_test_sees_a_line_that_must_not_be(
    level: str, more: dict[str, Any], wrong: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("json")
    getattr(structlog.get_logger(), level)("call.finished", **more)
    assert settle.never(capsys.readouterr().err.strip()) is wrong


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.usefixtures("configured", "stopped")
def test_a_librarys_line_has_the_name_of_its_logger(log_format: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format)
    logging.getLogger("theirs").warning("%s of %d", "one", 2)
    said = capsys.readouterr().err
    assert "one of 2" in said
    assert "theirs" in said
    assert "2026-11-25T07:09:30" in said
