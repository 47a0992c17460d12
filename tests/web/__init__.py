"""The web application, asked through its real routes."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import httpx
import pytest
import structlog.testing

from tests.support.bridge_kit import Kit

BOTH_DATABASES = pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])

Logged = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True, name="logged")
def log() -> Iterator[Logged]:
    """Return what is logged, and keep painted stack frames away, which are slow."""
    with structlog.testing.capture_logs() as entries:
        yield entries


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return an answer's problem details, once it is proven that they are whole."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    content: dict[str, Any] = answer.json()
    assert set(content) - {"errors"} == {"type", "title", "status", "detail", "request_id"}
    assert (content["type"], content["status"]) == ("about:blank", status)
    assert content["title"]
    assert content["detail"]
    assert content["request_id"] == answer.headers["x-request-id"]
    return content


async def deliveries(kit: Kit) -> list[dict[str, Any]]:
    """Every stored delivery, the first first, each with its body."""
    listed = (await kit.api("GET", "/deliveries?sort=id&per_page=100")).json()["data"]
    return [(await kit.api("GET", f"/deliveries/{each['id']}")).json()["data"] for each in listed]
