"""Logging: one line per decision, under a stable dotted name, without personal data, keys or tokens.

docs/operating.md lists every name; tests/unit/test_documentation.py checks it.
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

_POSTGRES_DETAIL = re.compile(r"DETAIL:.*")
_FALLBACK_ENCODER = json.JSONEncoder(default=repr, separators=(",", ":"))
LogFormat = Literal["json", "console"]
Line = MutableMapping[str, Any]


def configure(log_format: LogFormat) -> None:
    """Write the bridge's log lines and the libraries' warnings to standard error, as JSON or for a console.

    The bridge's own lines bypass the standard library, whose handlers cost as much per order as an SQL statement.
    """
    renderer: Any = _render_json if log_format == "json" else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[_complete_line, renderer],
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
    # uvicorn reads this logger's own level: unset, it counts as TRACE and each connection costs a line
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def _complete_line(logger: Any, level: str, line: Line) -> Line:
    """Do the work of SHARED and SHAPED in one step: one by one they take ten calls per line, at two lines per order."""
    structlog.contextvars.merge_contextvars(logger, level, line)
    line["level"] = level  # the filtering logger passes the level's name
    line["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    if "exc_info" in line or "exception" in line:
        for shape in SHAPED:
            line = shape(logger, level, line)
    return line


def _remove_row_values(_logger: Any, _level: str, line: Line) -> Line:
    """Remove PostgreSQL's DETAIL from a trace: it quotes the refused row, and so personal data."""
    if "exception" in line:
        line["exception"] = _POSTGRES_DETAIL.sub("DETAIL: (left out)", str(line["exception"]))
    return line


def _render_json(_logger: Any, _level: str, line: Line) -> str:
    try:
        return json_codec.ascii_only(line)
    except (TypeError, ValueError):  # a value without a JSON form
        return _FALLBACK_ENCODER.encode(line)


SHARED: tuple[Any, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
"""Processors for a library's line."""
SHAPED: tuple[Any, ...] = (structlog.processors.format_exc_info, _remove_row_values)
"""Processors for its exception."""


def quiet() -> None:
    """Log errors only, to standard error: commands print their own progress."""
    configure("console")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def get(name: str) -> Any:
    """Return the logger of a module."""
    return structlog.get_logger(name)
