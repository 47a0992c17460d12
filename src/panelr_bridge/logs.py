"""Logging: one line a decision, under a stable dotted name, without personal data, keys or tokens.

docs/operating.md tells every name; tests/test_documentation.py proves that it does.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

_DETAIL = re.compile(r"DETAIL:.*")
LogFormat = Literal["json", "console"]


def configure(log_format: LogFormat) -> None:
    """Write every log line to standard error, as JSON or for a person; libraries' warnings come along.

    Our own lines take the straight way there: the standard library's costs an order as much as a statement.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shaped = [structlog.processors.format_exc_info, _without_rows, renderer]
    structlog.configure(
        processors=[*shared, *shaped],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shaped],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _without_rows(_logger: Any, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take out of a trace what PostgreSQL tells of the row that it refuses: it is a customer's."""
    if "exception" in line:
        line["exception"] = _DETAIL.sub("DETAIL: (left out)", str(line["exception"]))
    return line


def quiet() -> None:
    """Write faults alone, to standard error: a command prints itself what it does."""
    configure("console")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def get(name: str) -> Any:
    """Return the logger of a module."""
    return structlog.get_logger(name)
