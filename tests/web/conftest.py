"""The log of the web application."""

from collections.abc import Iterator

import pytest
import structlog.testing

from tests.support.api_answers import Logged


@pytest.fixture(autouse=True, name="logged")
def log() -> Iterator[Logged]:
    """Return the log entries. This also avoids painted stack frames, which are slow."""
    with structlog.testing.capture_logs() as entries:
        yield entries
