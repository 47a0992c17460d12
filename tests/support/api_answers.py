"""What a test reads of the web application's answers."""

from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest

from tests.support.bridge_kit import Kit

BOTH_DATABASES = pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
Logged = list[MutableMapping[str, Any]]


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


async def stored_deliveries(kit: Kit) -> list[dict[str, Any]]:
    """Every stored delivery, the first first, each with its body."""
    listed = (await kit.api("GET", "/deliveries?sort=id&per_page=100")).json()["data"]
    return [(await kit.api("GET", f"/deliveries/{each['id']}")).json()["data"] for each in listed]
