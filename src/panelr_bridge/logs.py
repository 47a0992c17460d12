"""Logging: one line a decision, under a stable dotted name, without personal data, keys or tokens.

docs/operating.md tells every name; tests/unit/test_documentation.py proves that it does.
"""

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal

import structlog

from panelr_bridge import json_codec

_DETAIL = re.compile(r"DETAIL:.*")
_PATIENT = json.JSONEncoder(default=repr, separators=(",", ":"))
LogFormat = Literal["json", "console"]
Line = MutableMapping[str, Any]


def configure(log_format: LogFormat) -> None:
    """Write every log line to standard error, as JSON or for a person; libraries' warnings come along.

    Our own lines take the straight way there: the standard library's costs an order as much as a statement.
    """
    renderer: Any = _as_json if log_format == "json" else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[_whole, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*SHARED, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *SHAPED, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # by its own level uvicorn would write of each connection, were it asked to: without one it tries to
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def _whole(logger: Any, level: str, line: Line) -> Line:
    """Do what SHARED and SHAPED do, in one step: one by one they are ten calls a line, and an order has two lines."""
    structlog.contextvars.merge_contextvars(logger, level, line)
    line["level"] = level  # the filtering logger calls a level by its name
    line["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    if "exc_info" in line or "exception" in line:
        for shape in SHAPED:
            line = shape(logger, level, line)
    return line


def _without_rows(_logger: Any, _level: str, line: Line) -> Line:
    """Take out of a trace what PostgreSQL tells of the row that it refuses: it is a customer's."""
    if "exception" in line:
        line["exception"] = _DETAIL.sub("DETAIL: (left out)", str(line["exception"]))
    return line


def _as_json(_logger: Any, _level: str, line: Line) -> str:
    try:
        return json_codec.ascii_only(line)
    except (TypeError, ValueError):  # a value that JSON has no form for
        return _PATIENT.encode(line)


SHARED: tuple[Any, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
"""What is added to a line of a library's."""
SHAPED: tuple[Any, ...] = (structlog.processors.format_exc_info, _without_rows)
"""What becomes of its exception."""


def quiet() -> None:
    """Write faults alone, to standard error: a command prints itself what it does."""
    configure("console")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def get(name: str) -> Any:
    """Return the logger of a module."""
    return structlog.get_logger(name)
