"""Attention that an operator acknowledges leaves the list, and the same reason is not raised again."""

from typing import Any

import pytest
from sqlalchemy import Connection, select

from panelr_bridge.application.follow_ups.plan import add_attention
from panelr_bridge.domain.models import Reason
from panelr_bridge.store import orders as order_rows
from panelr_bridge.store.tables import audit_log, orders
from tests.support.api_answers import BOTH_DATABASES, problem
from tests.support.bridge_kit import Kit, order
from tests.support.claims import claim_order, record_created
from tests.support.payments import attention_codes

CHANGES = [{"code": "total_changed", "words": "the order's total was 58.45 and is 60.00 now"}]


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


@pytest.fixture
async def changed(kit: Kit) -> Kit:
    """A bridge with a created order whose total has changed since."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    await kit.post(order())
    await change(kit, "60.00", hour=20)
    return kit


async def change(kit: Kit, total: str, *, hour: int, **more: Any) -> dict[str, Any]:
    """Post a newer snapshot with this total; return the order's story."""
    await kit.post(order(total=total, date_modified_gmt=f"2026-11-21T{hour}:00:00", **more))
    return await kit.order(20)


async def acknowledge(kit: Kit, **body: Any) -> Any:
    return await kit.api("POST", "/orders/1/acknowledge", json=body)


@BOTH_DATABASES
async def test_acknowledged_attention_says_who_when_and_why(changed: Kit) -> None:
    assert (await changed.order(20))["attention"] == CHANGES
    answer = await acknowledge(changed, note="the customer paid the rest")
    assert answer.status_code == 200, answer.text
    story = answer.json()["data"]
    (seen,) = story["acknowledged"]
    assert story["attention"] == []
    assert {name: seen[name] for name in ("code", "words")} == CHANGES[0]
    assert (seen["by"], seen["note"]) == ("admin", "the customer paid the rest")
    assert seen["at"] == story["updated_at"]
    assert (await changed.api("GET", "/orders?attention=true")).json()["meta"]["total"] == 0
    assert await changed.runtime.database.read(_audited) == [("admin", "the customer paid the rest", CHANGES)]


def _audited(connection: Connection) -> list[Any]:
    query = select(audit_log.c.actor, audit_log.c.details).where(audit_log.c.action == "acknowledge")
    return [(actor, details["note"], details["reasons"]) for actor, details in connection.execute(query)]


@BOTH_DATABASES
async def test_the_same_reason_is_not_raised_again_and_another_amount_is(changed: Kit) -> None:
    await acknowledge(changed, note="fine")
    assert (await change(changed, "60.00", hour=21, customer_note="again"))["attention"] == []
    story = await change(changed, "61.00", hour=22)
    assert [each["words"] for each in story["attention"]] == ["the order's total was 58.45 and is 61.00 now"]
    assert len(story["acknowledged"]) == 1


async def test_some_reasons_are_acknowledged_and_others_stay(changed: Kit) -> None:
    await change(changed, "60.00", hour=21, status="cancelled")
    story = (await acknowledge(changed, note="fine", codes=["total_changed"])).json()["data"]
    assert attention_codes(story) == ("ended_after_creation",)
    assert [each["code"] for each in story["acknowledged"]] == ["total_changed"]
    answer = await acknowledge(changed, note="fine", codes=["total_changed"])
    assert problem(answer, 409)["detail"] == "the order has no attention total_changed; it has ended_after_creation"


async def test_an_order_without_attention_has_nothing_to_acknowledge(changed: Kit) -> None:
    await acknowledge(changed, note="fine")
    answer = await acknowledge(changed, note="fine")
    assert problem(answer, 409)["detail"] == "the order has no attention: there is nothing to acknowledge"
    problem(await changed.api("POST", "/orders/9/acknowledge", json={"note": "x"}), 404)


@pytest.mark.parametrize("body", [{}, {"note": ""}, {"note": "x" * 501}, {"note": "x", "codes": []}, {"note": "\x00"}])
async def test_a_note_has_words_and_bounds(changed: Kit, body: dict[str, Any]) -> None:
    problem(await acknowledge(changed, **body), 422)
    assert (await changed.order(20))["attention"] == CHANGES


async def test_a_second_work_order_that_was_acknowledged_is_not_raised_again(kit: Kit) -> None:
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    claim = await claim_order(kit, 20)
    await record_created(kit, claim, "WO-2026-00001", 1)
    await record_created(kit, claim, "WO-2026-00002", 2)
    await acknowledge(kit, note="canceled the second one")
    await record_created(kit, claim, "WO-2026-00002", 2)
    assert (await kit.order(20))["attention"] == []
    await record_created(kit, claim, "WO-2026-00003", 3)
    assert attention_codes(await kit.order(20)) == ("second_work_order",)


async def test_a_follow_up_does_not_raise_what_was_acknowledged(changed: Kit) -> None:
    reason = Reason(CHANGES[0]["code"], CHANGES[0]["words"])
    await acknowledge(changed, note="fine")

    def raise_again(connection: Connection) -> tuple[Any, Any]:
        row = order_rows.lock_by_id(connection, 1)
        assert row is not None
        return add_attention(row, reason), add_attention(row, Reason(reason.code, "other words"))

    assert await changed.runtime.database.read(raise_again) == (
        None,
        [{"code": "total_changed", "words": "other words"}],
    )


async def test_a_retry_forgets_what_was_acknowledged_of_the_follow_ups_that_it_tries_again(changed: Kit) -> None:
    failed = {"code": "cannot_be_processed", "words": "handling this order failed; the log says why"}
    await changed.runtime.database.write(
        lambda connection: connection.execute(orders.update().values(attention=[*CHANGES, failed]))
    )
    await acknowledge(changed, note="later")
    story = (await changed.api("POST", "/orders/1/retry")).json()["data"]
    assert [each["code"] for each in story["acknowledged"]] == ["total_changed"]
