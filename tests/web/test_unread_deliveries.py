"""Unread deliveries: they are reported until a later delivery, a replay or a person makes up for them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select, update

from panelr_bridge.application.delivery_checks import check_unread
from panelr_bridge.application.health_check import HealthCheck
from panelr_bridge.application.transactions import receive_delivery
from panelr_bridge.application.unread_deliveries import UnreadDeliveriesSweep
from panelr_bridge.application.worker import Worker
from panelr_bridge.store import tables, unread_deliveries
from tests.support.api_answers import BOTH_DATABASES, problem
from tests.support.bridge_kit import Kit, order

MAY_NOT_READ = {"code": "woocommerce_rest_cannot_view", "message": "No.", "data": {"status": 403}}
INVALID_ID = {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
LATER = timedelta(days=400)


async def look(kit: Kit) -> HealthCheck:
    """Return the check as it is long after the deliveries came."""
    return await kit.runtime.database.read(check_unread, now=kit.runtime.bridge.clock() + LATER)


async def fail(kit: Kit, content: dict[str, Any]) -> None:
    """Post an order that the bridge cannot process."""

    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("a mistake of ours")

    with pytest.MonkeyPatch.context() as fault:
        fault.setattr(receive_delivery, "evaluate", broken)
        await kit.post(content)


async def list_unread(kit: Kit) -> list[int]:
    """Return the ids of the unread deliveries, newest first."""
    return [each["id"] for each in (await kit.api("GET", "/deliveries?unresolved=true")).json()["data"]]


def webhook(number: int) -> dict[str, str]:
    """Return the header that names a webhook."""
    return {"X-WC-Webhook-ID": str(number)}


@BOTH_DATABASES
async def test_a_failed_delivery_is_reported_until_a_later_one_of_its_order_was_read(kit: Kit) -> None:
    await kit.post(order(id=7))
    await fail(kit, order(id=7, date_modified_gmt="2026-11-21T20:00:00"))
    await fail(kit, order(id=8))
    await kit.post(order(id=9))
    found = await look(kit)
    assert not found.ok
    assert found.words.startswith("2 deliveries brought no order, the first ")
    first, second = sorted(await list_unread(kit))
    assert [each.split(":")[0] for each in found.details[:2]] == [
        f"delivery {first} (order.updated, order 7)",
        f"delivery {second} (order.updated, order 8)",
    ]
    assert f"panelr-bridge deliveries replay {first}" in found.details[2]
    await kit.post(order(id=7, date_modified_gmt="2026-11-21T21:00:00"))
    assert (await look(kit)).words.startswith("1 delivery ")
    await kit.post({"id": 8}, topic="order.deleted")
    assert (await look(kit)).ok


@BOTH_DATABASES
async def test_the_same_bytes_that_are_read_at_the_second_try_are_not_unread(kit: Kit) -> None:
    await fail(kit, order(id=7))
    assert not (await look(kit)).ok
    (number,) = await list_unread(kit)
    await kit.post(order(id=7))
    assert (await look(kit)).ok
    await kit.post(order(id=7))
    shown = (await kit.api("GET", f"/deliveries/{number}")).json()["data"]
    assert (shown["verdict"], shown["unresolved_since"], shown["times"]) == ("order", None, 3)


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_an_order_of_another_store_makes_up_for_nothing(kit: Kit) -> None:
    await fail(kit, order(id=7))

    def move(connection: Connection) -> None:
        connection.execute(update(tables.deliveries).values(store="another"))

    await kit.runtime.database.write(move)
    await kit.post(order(id=7))
    assert not (await look(kit)).ok


@BOTH_DATABASES
@pytest.mark.parametrize("error", [MAY_NOT_READ, INVALID_ID], ids=["cannot view", "invalid id"])
async def test_an_error_is_reported_until_its_webhook_delivers_an_order(kit: Kit, error: dict[str, Any]) -> None:
    await kit.post(order(id=1), headers=webhook(3))
    await kit.post(error, headers=webhook(3))
    await kit.post(order(id=2), headers=webhook(4))
    await kit.post(order(id=2), topic="order.created", headers=webhook(3))
    await kit.post(b"[]", headers=webhook(3))
    found = await look(kit)
    assert found.words.startswith("2 deliveries ")
    await kit.post(order(id=3), headers=webhook(3))
    (line, _) = (await look(kit)).details
    assert "unreadable: the body is JSON, but not an object" in line


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_an_error_without_a_webhook_is_resolved_by_its_topic(kit: Kit) -> None:
    await kit.post(INVALID_ID, topic="order.created")
    await kit.post(order(id=2))
    assert not (await look(kit)).ok
    await kit.post(order(id=3), topic="order.created", headers=webhook(4))
    assert (await look(kit)).ok


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_an_error_that_comes_again_is_unread_again(kit: Kit) -> None:
    for _ in range(2):
        await kit.post(MAY_NOT_READ, headers=webhook(3))
        assert not (await look(kit)).ok
        await kit.post(order(id=_ + 1), headers=webhook(3))
        assert (await look(kit)).ok
        await UnreadDeliveriesSweep(kit.runtime.database).run(now=kit.runtime.bridge.clock())
    shown = (await kit.api("GET", "/deliveries/1")).json()["data"]
    assert (shown["unresolved_since"], shown["resolution"]["by"]) == (None, "the bridge")
    assert shown["resolution"]["note"] == "delivery 3 of the same webhook was read later"


@BOTH_DATABASES
async def test_a_replay_that_succeeds_resolves_and_one_that_does_not_changes_nothing(kit: Kit) -> None:
    await fail(kit, order(id=7))
    await kit.post(b"[]")
    second, first = await list_unread(kit)
    since = (await kit.api("GET", f"/deliveries/{second}")).json()["data"]["unresolved_since"]
    again = (await kit.api("POST", f"/deliveries/{second}/replay")).json()["data"]
    assert (again["unresolved_since"], since is None) == (since, False)
    read = (await kit.api("POST", f"/deliveries/{first}/replay")).json()["data"]
    assert (read["verdict"], read["unresolved_since"]) == ("order", None)
    assert (await look(kit)).words.startswith("1 delivery ")


@BOTH_DATABASES
async def test_a_person_resolves_a_delivery_with_a_note(kit: Kit) -> None:
    await kit.post(b"[]")
    answer = await kit.api("POST", "/deliveries/1/resolve", json={"note": "a test of the shop's"})
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["unresolved_since"], data["resolution"]["note"]) == (None, "a test of the shop's")
    assert data["resolution"]["by"] == "admin"
    assert (await look(kit)).ok
    assert (await kit.api("GET", "/deliveries?unresolved=true")).json()["meta"]["total"] == 0

    def read_log(connection: Connection) -> list[Any]:
        rows = connection.execute(select(tables.audit_log).where(tables.audit_log.c.subject == "delivery 1"))
        return [(row.action, row.actor, row.store, row.details["note"]) for row in rows]

    assert await kit.runtime.database.read(read_log) == [("resolve", "admin", "default", "a test of the shop's")]
    problem(await kit.api("POST", "/deliveries/1/resolve", json={"note": "again"}), 409)
    problem(await kit.api("POST", "/deliveries/99/resolve", json={"note": "what"}), 404)
    problem(await kit.api("POST", "/deliveries/1/resolve", json={}), 422)
    await kit.post(b"[]")
    assert not (await look(kit)).ok


@BOTH_DATABASES
async def test_the_list_holds_only_unread_deliveries_if_asked(kit: Kit) -> None:
    await kit.post(order(id=1))
    await kit.post(b"[]")
    await kit.post(b"[]", topic="order.created")
    for query, ids in (("", [3, 2]), ("&topic=order.updated", [2]), ("&sort=last_received_at", [2, 3])):
        found = (await kit.api("GET", f"/deliveries?unresolved=true{query}")).json()["data"]
        assert [each["id"] for each in found] == ids
    problem(await kit.api("GET", "/deliveries?unresolved=false"), 400)


@BOTH_DATABASES
async def test_thousands_are_counted_up_to_a_limit_and_the_resolved_ones_are_marked(kit: Kit) -> None:
    """The check does not wait for the worker's marks, and does not count without end."""

    def add(connection: Connection) -> None:
        moment = kit.runtime.bridge.clock() - timedelta(hours=1)
        row: dict[str, Any] = {
            "store": "default",
            "topic": "order.updated",
            "body": b"",
            "headers": {},
            "verdict": "failed",
        }
        row |= {"times": 1, "repeated": False, "received_at": moment, "last_received_at": moment}
        rows = [
            row | {"body_sha256": n.to_bytes(4), "woo_order_id": n, "unresolved_since": moment} for n in range(1, 1201)
        ]
        read = {"verdict": "order", "last_received_at": moment + timedelta(seconds=1), "unresolved_since": None}
        rows += [row | read | {"body_sha256": b"read" + n.to_bytes(4), "woo_order_id": n} for n in range(1, 601)]
        connection.execute(insert(tables.deliveries), rows)

    def count(connection: Connection) -> int:
        column = tables.deliveries.c.unresolved_since
        return connection.execute(select(func.count()).where(column.is_not(None))).scalar_one()

    await kit.runtime.database.write(add)
    found = await look(kit)
    assert found.words.startswith("more than 400 deliveries ")
    assert len(found.details) == 4
    assert found.details[0].startswith("delivery 601 ")
    await UnreadDeliveriesSweep(kit.runtime.database).run(now=kit.runtime.bridge.clock())
    assert await kit.runtime.database.read(count) == 600
    assert (await look(kit)).words.startswith("more than 500 deliveries ")


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_worker_marks_what_is_resolved(kit: Kit) -> None:
    await fail(kit, order(id=7))
    await kit.post(order(id=7, date_modified_gmt="2026-11-21T21:00:00"))
    await Worker(kit.runtime.bridge, wake_ignored=timedelta(days=1))._turn()
    assert await list_unread(kit) == []


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_delivery_that_comes_again_meanwhile_is_not_marked(kit: Kit) -> None:
    await kit.post(b"[]")
    row = (await kit.runtime.database.read(unread_deliveries.list_batch, after=0))[0]
    await kit.post(b"[]")
    resolution = unread_deliveries.resolution(by="x", note="x", now=kit.runtime.bridge.clock())
    await kit.runtime.database.write(unread_deliveries.resolve, [(row, resolution)])
    assert not (await look(kit)).ok


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_what_is_shown_fits_a_terminal(kit: Kit) -> None:
    error = {"code": "x", "message": f"\x1b[2J{'long ' * 200}", "data": {}}
    for number in range(9):
        await kit.post(error, topic=f"order.{'updated' if number else 'created'}", headers=webhook(number))
        await kit.post(f"[{number}]".encode())
    found = await look(kit)
    assert len(found.details) <= 4
    assert all(len(each) < 200 and each.isprintable() for each in (found.words, *found.details))
    words = (await kit.http.get("/readyz")).json()["checks"]["webhooks"]["words"]
    assert "delivery 1" not in words


@BOTH_DATABASES
async def test_deliveries_of_another_shop_are_unread_by_the_rule_of_their_verdict(kit: Kit) -> None:
    """The shop's own delivery settles what another address said of its order, but brings no other order."""
    await kit.post(order(id=7), headers={"X-WC-Webhook-Source": "https://shop.example/"})
    later = order(id=7, status="refunded", date_modified_gmt="2026-11-21T20:00:00")
    await kit.post(later, headers={"X-WC-Webhook-Source": "https://copy.example/"})
    await kit.post(later | {"order_key": "wc_order_another"}, headers={"X-WC-Webhook-Source": "https://shop.example/"})
    found = (await kit.api("GET", "/deliveries?unresolved=true")).json()["data"]
    assert [each["verdict"] for each in found] == ["another_order", "other_source"]
    await kit.post(later | {"total": "1.00"}, headers={"X-WC-Webhook-Source": "https://shop.example/"})
    assert (await look(kit)).words.startswith("1 delivery ")
