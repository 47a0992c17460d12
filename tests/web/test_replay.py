"""Replays of stored deliveries: a failed one is processed now, a processed one changes nothing."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, update

from panelr_bridge.application.transactions import receive_delivery
from panelr_bridge.store import owed_calls, tables
from tests.support.api_answers import problem, stored_deliveries
from tests.support.bridge_kit import Kit, order


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


async def test_a_delivery_that_could_not_be_processed_is_done_by_a_replay(
    mapped: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("a mistake of ours")

    with monkeypatch.context() as fault:
        fault.setattr(receive_delivery, "evaluate", broken)
        await mapped.post(order())
    (failed,) = await stored_deliveries(mapped)
    replay = f"/deliveries/{failed['id']}/replay"
    answers = await asyncio.gather(*(mapped.api("POST", replay) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    story = await mapped.until(20, "created")
    assert [each["outcome"] for each in story["attempt_log"]] == ["done"]
    assert len(mapped.panel.work_orders) == 1
    data = (await mapped.api("POST", replay)).json()["data"]
    assert (data["verdict"], data["words"], data["times"]) == ("order", None, 1)
    assert data["outcome"] == {
        "order_id": 20,
        "state": "created",
        "work_order_id": 1,
        "reference_code": story["reference_code"],
        "reason": None,
    }


async def test_an_old_delivery_that_is_replayed_or_sent_again_changes_nothing(mapped: Kit) -> None:
    await mapped.post(order(status="cancelled", date_modified_gmt="2026-11-21T19:16:43"))
    await mapped.post(order(date_modified_gmt="2026-11-21T20:00:00"))
    before = await mapped.order(20)
    assert before["state"] == "created"
    assert (await mapped.api("POST", "/deliveries/1/replay")).status_code == 200
    await mapped.post(order(status="cancelled", date_modified_gmt="2026-11-21T19:16:43"))
    after = await mapped.order(20)
    changed = {name for name in before if before[name] != after[name]} - {"deliveries"}
    assert (changed, len(mapped.panel.work_orders)) == (set(), 1)


async def test_a_body_that_an_older_version_could_not_read_is_read_now(mapped: Kit) -> None:
    """A later delivery of the order came meanwhile, but the unread one may be the newer snapshot."""
    await mapped.post(order(status="pending", date_modified_gmt="2026-11-21T19:16:43"))
    await mapped.post(order(date_modified_gmt="2026-11-21T19:16:44"))
    story = await mapped.until(20, "created")

    def as_it_was(connection: Connection) -> None:
        connection.execute(update(tables.deliveries).where(tables.deliveries.c.id == 2).values(verdict="unreadable"))
        nothing = owed_calls.NO_OWED_CALL | {
            "work_order_id": None,
            "reference_code": None,
            "request": None,
            "first_sent_at": None,
        }
        waiting = {"state": "waiting", "delivery_id": 1, "snapshot_sha256": b"", "woo_status": "pending"}
        connection.execute(update(tables.orders).values(nothing | waiting | {"woo_modified_at": None}))

    await mapped.runtime.database.write(as_it_was)
    mapped.panel.reset()
    data = (await mapped.api("POST", "/deliveries/2/replay")).json()["data"]
    assert (data["verdict"], data["outcome"]["state"]) == ("order", "created")
    assert (await mapped.order(20))["attempts"] == story["attempts"] + 1


async def test_a_delivery_that_says_nothing_about_an_order_is_understood_again(mapped: Kit) -> None:
    await mapped.post(b"[1, 2]")
    data = (await mapped.api("POST", "/deliveries/1/replay")).json()["data"]
    assert (data["verdict"], data["outcome"]["state"]) == ("unreadable", None)
    assert data["outcome"]["reason"]


async def test_a_replay_is_written_into_the_audit_log(mapped: Kit) -> None:
    await mapped.post(order())
    await mapped.api("POST", "/deliveries/1/replay")

    def noted(connection: Connection) -> list[tuple[str, str, str]]:
        rows = connection.execute(tables.audit_log.select().where(tables.audit_log.c.subject == "delivery 1"))
        return [(row.action, row.actor, row.store) for row in rows]

    assert await mapped.runtime.database.read(noted) == [("replay", "admin", "default")]


async def test_what_was_never_delivered_cannot_be_replayed(kit: Kit) -> None:
    assert "7" in problem(await kit.api("POST", "/deliveries/7/replay"), 404)["detail"]
    assert (await kit.http.post("/api/v1/deliveries/1/replay")).status_code == 401


async def test_the_deliveries_stay_as_they_came(mapped: Kit) -> None:
    await mapped.post(order())
    (before,) = await stored_deliveries(mapped)
    await mapped.api("POST", "/deliveries/1/replay")
    (after,) = await stored_deliveries(mapped)
    assert after == before
