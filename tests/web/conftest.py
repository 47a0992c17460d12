"""What the web application logs while a test runs."""

from collections.abc import Iterator

import pytest
import structlog.testing

from tests.support.api_answers import Logged


@pytest.fixture(autouse=True, name="logged")
def log() -> Iterator[Logged]:
    """Return what is logged, and keep painted stack frames away, which are slow."""
    with structlog.testing.capture_logs() as entries:
        yield entries
