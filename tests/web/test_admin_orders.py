"""The admin API of orders: what it shows, the operators' actions, and who may see the token."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, text

from panelr_bridge.store.tables import orders
from tests.support.api_answers import BOTH_DATABASES, problem
from tests.support.bridge_kit import Kit, line, order

FIELDS = [
    "id",
    "store",
    "woo_order_id",
    "woo_order_number",
    "woo_status",
    "woo_total",
    "woo_currency",
    "woo_modified_at",
    "state",
    "reasons",
    "attention",
    "acknowledged",
    "work_order_id",
    "reference_code",
    "panelr_status",
    "order_total",
    "adopted",
    "attempts",
    "next_attempt_at",
    "created_at",
    "updated_at",
]
ACTIONS = ["retry", "resolve", "close"]
NOT_THERE = {"not_created": True}


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


ON_ITS_WAY = {"queued", "sending", "created"}
"""The states of an order after a retry: the worker may be faster than the answer."""


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


async def audited(kit: Kit) -> list[tuple[str, str, str]]:
    """Return the audit log of orders in its order."""

    def read(connection: Connection) -> list[tuple[str, str, str]]:
        rows = connection.execute(
            text("SELECT actor, action, subject FROM audit_log WHERE subject LIKE 'order %' ORDER BY id")
        )
        return [(row.actor, row.action, row.subject) for row in rows]

    return await kit.runtime.database.read(read)


async def unconfirmed(kit: Kit, woo_order_id: int = 20, *, when: str = "after") -> dict[str, Any]:
    """Post an order whose answer is lost at a Panelr without look-ups; return its story."""
    kit.panel.settings.knows_get_work_orders = False
    kit.panel.faults.add("reset", action="create_work_order", when=when)
    await kit.post(order(id=woo_order_id, number=str(woo_order_id)))
    return await kit.until(woo_order_id, lambda story: bool(story["attention"]))


# What the API shows


@BOTH_DATABASES
async def test_a_created_order_shows_its_whole_story(mapped: Kit) -> None:
    await mapped.post(order(status="pending", date_modified_gmt="2026-11-21T19:16:40"))
    await mapped.post(order(), topic="order.updated")
    year = mapped.runtime.bridge.clock().year
    story = await mapped.order(20)
    belongs = ["money", "attempt_log", "owed_calls", "follow_ups", "activations", "deliveries", "subscriptions"]
    assert list(story) == [*FIELDS, *belongs]
    assert {name: story[name] for name in FIELDS[:-2] if name != "order_total"} == {
        "id": 1,
        "store": "default",
        "woo_order_id": 20,
        "woo_order_number": "20",
        "woo_status": "processing",
        "woo_total": "58.45",
        "woo_currency": "USD",
        "woo_modified_at": "2026-11-21T19:16:43Z",
        "state": "created",
        "reasons": [],
        "attention": [],
        "acknowledged": [],
        "work_order_id": 1,
        "reference_code": f"WO-{year}-00001",
        "panelr_status": "payment_submitted",
        "adopted": False,
        "attempts": 1,
        "next_attempt_at": None,
    }
    assert story["created_at"] < story["updated_at"]
    (attempt,) = story["attempt_log"]
    told = {name: attempt[name] for name in ("action", "number", "outcome", "status", "words")}
    assert told == {
        "action": "create_work_order",
        "number": 1,
        "outcome": "done",
        "status": 200,
        "words": "created WO-2026-00001",
    }
    assert attempt["milliseconds"] >= 0
    assert attempt["started_at"] <= attempt["recorded_at"]
    assert story["owed_calls"] == []
    assert [(each["topic"], each["verdict"], each["times"]) for each in story["deliveries"]] == [
        ("order.updated", "order", 1),
        ("order.updated", "order", 1),
    ]
    (listed,) = (await mapped.api("GET", "/orders")).json()["data"]
    assert listed == {name: story[name] for name in FIELDS}


@pytest.mark.parametrize(
    ("total", "shown"),
    [("58.45", "58.45"), ("100.00", "100.00"), ("0.00", "0.00"), ("1000000", "1000000"), ("0.1", "0.1"), ("", "0")],
)
async def test_money_is_shown_as_it_is(kit: Kit, total: str, shown: str) -> None:
    """Return an amount as text with WooCommerce's digits, or without zeros: never with an exponent."""
    await kit.post(order(total=total))
    assert (await kit.order(20))["woo_total"] in {shown, total}


async def test_the_money_is_shown_on_both_sides(mapped: Kit) -> None:
    await mapped.post(order())
    await mapped.runtime.database.write(_set_order_total, "58.00")
    money = (await mapped.order(20))["money"]
    assert money == {
        "currency": "USD",
        "woo_total": "58.45",
        "order_total": "58.00",
        "reported_paid": "58.45",
        "difference": "-0.45",
    }
    await mapped.runtime.database.write(_set_order_total, "58.45")
    assert (await mapped.order(20))["money"]["difference"] is None


async def test_what_is_not_paid_is_not_shown_as_reported(mapped: Kit) -> None:
    unpaid = {"status": "on-hold", "date_paid": None, "date_paid_gmt": None}
    await mapped.post(order(**unpaid))
    await mapped.runtime.database.write(_set_order_total, "60.00")
    money = (await mapped.order(20))["money"]
    assert (money["reported_paid"], money["difference"]) == (None, "1.55")


def _set_order_total(connection: Connection, total: str) -> None:
    connection.execute(orders.update().values(order_total=Decimal(total)))


@BOTH_DATABASES
async def test_what_is_owed_is_shown_with_its_time(mapped: Kit) -> None:
    mapped.panel.faults.add("throttle", retry_after=600)
    await mapped.post(order())
    story = await mapped.order(20)
    assert (story["state"], story["attempts"]) == ("queued", 1)
    assert [reason["code"] for reason in story["reasons"]] == ["throttled"]
    (owed,) = story["owed_calls"]
    assert (owed["action"], owed["attempt"], owed["lease_until"]) == ("create_work_order", 1, None)
    assert owed["next_attempt_at"] == story["next_attempt_at"] > story["updated_at"]
    assert owed["owed_since"] == story["created_at"]


async def test_a_held_order_names_every_line_that_holds_it(kit: Kit) -> None:
    content = order(billing={"email": ""})
    content["line_items"] += line(content, name="Another", product_id=0, sku="")["line_items"]
    await kit.post(content)
    story = await kit.order(20)
    assert story["state"] == "held"
    assert [(reason["code"], reason.get("line")) for reason in story["reasons"]] == [
        ("unmapped_product", "Panel Credits 1000"),
        ("unmappable_line", "Another"),
        ("no_email", None),
    ]


async def test_there_is_no_such_order(kit: Kit) -> None:
    for path in ("/orders/1", "/orders/0", "/orders/-1", "/orders/1/confirmation-token"):
        found = problem(await kit.api("GET", path), 404)
        assert found["detail"] == f"there is no order with the bridge's id {path.split('/')[2]}"
    for action in ACTIONS:
        body = NOT_THERE if action == "resolve" else None
        assert (
            problem(await kit.api("POST", f"/orders/7/{action}", json=body), 404)["detail"]
            == "there is no order with the bridge's id 7"
        )
    assert problem(await kit.api("GET", "/deliveries/7"), 404)["detail"] == "there is no delivery 7"
    assert await audited(kit) == []


# Operators' actions


async def test_retry_decides_anew_and_sends_at_once(mapped: Kit) -> None:
    mapped.panel.faults.add("throttle", retry_after=600)
    await mapped.post(order())
    await mapped.runtime.bridge.write(_open_the_gate)
    answer = await mapped.api("POST", "/orders/1/retry")
    assert answer.status_code == 200
    assert answer.json()["data"]["state"] in ON_ITS_WAY
    await mapped.until(20, "created")
    assert await audited(mapped) == [("admin", "retry", "order 1")]
    assert len(mapped.panel.work_orders) == 1


def _open_the_gate(connection: Connection, _now: object) -> None:
    connection.execute(text("UPDATE rate_limits SET failures = 0"))


async def test_retry_of_an_order_that_is_still_held_says_so(kit: Kit) -> None:
    await kit.post(order())
    answer = await kit.api("POST", "/orders/1/retry")
    assert (answer.status_code, answer.json()["data"]["state"]) == (200, "held")
    assert answer.json()["data"]["reasons"][0]["code"] == "unmapped_product"


async def test_retry_of_an_unconfirmed_order_looks_it_up_and_never_just_sends(mapped: Kit) -> None:
    story = await unconfirmed(mapped)
    assert [reason["code"] for reason in story["attention"]] == ["cannot_look_up"]
    mapped.panel.settings.knows_get_work_orders = True
    answer = await mapped.api("POST", "/orders/1/retry")
    assert (answer.json()["data"]["state"], answer.json()["data"]["attention"]) == ("unconfirmed", [])
    story = await mapped.until(20, "created")
    assert (story["adopted"], story["work_order_id"]) == (True, None)
    assert len(mapped.panel.work_orders) == 1


@BOTH_DATABASES
async def test_what_is_created_can_neither_be_retried_nor_resolved_nor_closed(mapped: Kit) -> None:
    await mapped.post(order())
    before = await mapped.order(20)
    words = {
        "retry": "the order is created: there is nothing to try again",
        "resolve": (
            f"the order is created: its work order {before['reference_code']} was named by Panelr's own answer: only an"
            " order that a person or a look-up linked is sent again"
        ),
        "close": "the order is created and cannot be closed",
    }
    for action in ACTIONS:
        answer = await mapped.api("POST", f"/orders/1/{action}", json=NOT_THERE if action == "resolve" else None)
        assert problem(answer, 409)["detail"] == words[action]
    assert await mapped.order(20) == before
    assert await audited(mapped) == []


async def test_an_unconfirmed_order_that_is_not_there_is_sent_again(mapped: Kit) -> None:
    await unconfirmed(mapped, when="before")
    answer = await mapped.api("POST", "/orders/1/resolve", json=NOT_THERE)
    assert answer.status_code == 200
    assert answer.json()["data"]["state"] in ON_ITS_WAY
    await mapped.until(20, "created")
    assert len(mapped.panel.work_orders) == 1


async def test_a_resolution_says_one_thing(mapped: Kit) -> None:
    await unconfirmed(mapped)
    unusable: list[Any] = [
        {},
        {"not_created": False},
        {"work_order_id": 7, "unverified": True},
        {"work_order_id": 7, "reference_code": ""},
        {"reference_code": "x" * 101},
        {"work_order_id": 0, "reference_code": "WO-2026-00007"},
        {"work_order_id": 2**63, "reference_code": "WO-2026-00007"},
        {"work_order_id": 7, "reference_code": "WO-2026-00007", "not_created": True},
        {"not_created": True, "why": "because"},
        [],
        None,
    ]
    for body in unusable:
        problem(await mapped.api("POST", "/orders/1/resolve", json=body), 422)
    assert (await mapped.order(20))["state"] == "unconfirmed"


@BOTH_DATABASES
async def test_a_reference_code_that_no_database_takes_is_422(mapped: Kit) -> None:
    await unconfirmed(mapped)
    problem(await mapped.api("POST", "/orders/1/resolve", json={"reference_code": "WO\x00"}), 422)


async def test_a_closed_order_owes_nothing_and_stays_closed(mapped: Kit) -> None:
    mapped.panel.faults.add("throttle", retry_after=600)
    await mapped.post(order())
    answer = await mapped.api("POST", "/orders/1/close", json={"why": "paid in cash, \u00fc"})
    assert answer.status_code == 200
    story = answer.json()["data"]
    assert (story["state"], story["owed_calls"], story["next_attempt_at"]) == ("closed", [], None)
    assert story["reasons"] == [{"code": "closed", "words": "closed by an operator: paid in cash, \u00fc"}]
    assert await audited(mapped) == [("admin", "close", "order 1")]
    later = await mapped.post(order(status="completed", date_modified_gmt="2026-11-21T20:00:00"))
    assert (later.status_code, later.json()["state"]) == (200, "closed")
    assert problem(await mapped.api("POST", "/orders/1/close"), 409)
    assert mapped.panel.work_orders == {}


async def test_retry_opens_a_closed_order_again(mapped: Kit) -> None:
    mapped.panel.faults.add("refuse")
    await mapped.post(order())
    await mapped.api("POST", "/orders/1/close")
    assert (await mapped.api("POST", "/orders/1/retry")).json()["data"]["state"] in ON_ITS_WAY
    await mapped.until(20, "created")


async def test_a_closed_order_that_may_have_been_sent_is_looked_up_when_it_is_opened_again(mapped: Kit) -> None:
    mapped.panel.faults.add("reset", action="create_work_order", when="after")
    await mapped.post(order())
    await mapped.api("POST", "/orders/1/close")
    story = (await mapped.api("POST", "/orders/1/retry")).json()["data"]
    assert story["state"] == "unconfirmed"
    assert [each["action"] for each in story["owed_calls"]] == ["look_up"]


async def test_closing_needs_no_reason_but_a_usable_one(kit: Kit) -> None:
    await kit.post(order())
    for body in ({"why": ""}, {"why": "x" * 501}, {"why": None}, {"reason": "x"}):
        problem(await kit.api("POST", "/orders/1/close", json=body), 422)
    story = (await kit.api("POST", "/orders/1/close")).json()["data"]
    assert story["reasons"][0]["words"] == "closed by an operator: no reason given"


# The token


@BOTH_DATABASES
async def test_the_token_is_shown_at_its_address_alone_and_every_look_is_written_down(mapped: Kit) -> None:
    await mapped.post(order())
    token = mapped.panel.work_orders[1].confirmation_token
    assert len(token) > 10
    for path in ("/orders", "/orders/1", "/deliveries", "/deliveries/1"):
        answer = await mapped.api("GET", path)
        assert answer.status_code == 200
        assert token not in answer.text
        assert "confirmation_token" not in answer.text
    problem(await mapped.api("GET", "/orders?fields=confirmation_token"), 400)
    problem(await mapped.api("GET", "/orders?sort=confirmation_token"), 400)
    problem(await mapped.api("GET", f"/orders?confirmation_token={token}"), 400)
    assert await audited(mapped) == []
    for looks in (1, 2):
        answer = await mapped.api("GET", "/orders/1/confirmation-token")
        assert answer.json() == {"data": {"confirmation_token": token}}
        assert answer.headers["cache-control"] == "no-store"
        assert await audited(mapped) == [("admin", "confirmation_token", "order 1")] * looks
    assert token not in str(await mapped.runtime.database.read(_audit_details))


def _audit_details(connection: Connection) -> list[Any]:
    return [tuple(row) for row in connection.execute(text("SELECT * FROM audit_log"))]


async def test_a_token_that_is_not_known_is_null(mapped: Kit) -> None:
    await mapped.post(order(status="pending"))
    answer = await mapped.api("GET", "/orders/1/confirmation-token")
    assert answer.json() == {"data": {"confirmation_token": None}}
    assert await audited(mapped) == [("admin", "confirmation_token", "order 1")]


async def test_a_token_that_panelrs_plugin_wrote_is_kept_like_our_own(kit: Kit) -> None:
    meta = [
        {"key": "_panelr_work_order_id", "value": "77"},
        {"key": "_panelr_reference_code", "value": "WO-2026-00077"},
        {"key": "_panelr_confirmation_token", "value": "token-of-the-plugin"},
    ]
    await kit.post(order(meta_data=meta))
    story = await kit.order(20)
    assert (story["state"], story["adopted"], story["work_order_id"]) == ("created", True, 77)
    assert "token-of-the-plugin" not in str(story)
    answer = await kit.api("GET", "/orders/1/confirmation-token")
    assert answer.json()["data"] == {"confirmation_token": "token-of-the-plugin"}
    assert kit.panel.work_orders == {}
