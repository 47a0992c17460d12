"""How a test reads the answers of the web application."""

from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, text

from tests.support.bridge_kit import Kit

BOTH_DATABASES = pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
Logged = list[MutableMapping[str, Any]]


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Check that an answer has complete problem details; return them."""
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
    """Return every stored delivery with its body, the oldest first."""
    listed = (await kit.api("GET", "/deliveries?sort=id&per_page=100")).json()["data"]
    return [(await kit.api("GET", f"/deliveries/{each['id']}")).json()["data"] for each in listed]


async def read_audit_log(kit: Kit) -> list[tuple[str, str, str]]:
    """Return the audit log in its order."""

    def read(connection: Connection) -> list[tuple[str, str, str]]:
        rows = connection.execute(text("SELECT actor, action, subject FROM audit_log ORDER BY id"))
        return [(row.actor, row.action, row.subject) for row in rows]

    return await kit.runtime.database.read(read)


async def count_listed(kit: Kit, path: str) -> int:
    """Return the total of a list of the admin API."""
    number: int = (await kit.api("GET", path)).json()["meta"]["total"]
    return number
