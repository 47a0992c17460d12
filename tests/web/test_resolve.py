"""Link an order to a work order: Panelr is asked first, and a wrong link can be corrected."""

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, select

from panelr_bridge.application import resolve_order
from panelr_bridge.application.resolve_order import VerifiedLink
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.errors import Conflict
from panelr_bridge.simulators.panelr import WorkOrder as SimulatedWorkOrder
from panelr_bridge.simulators.panelr import actions
from panelr_bridge.simulators.panelr.cart import CartItem
from panelr_bridge.simulators.panelr.panel import Panel
from panelr_bridge.simulators.panelr.work_order_views import view_in_list
from panelr_bridge.store.panelr_tables import rate_slots
from panelr_bridge.store.tables import audit_log
from tests.support.api_answers import BOTH_DATABASES, problem
from tests.support.bridge_kit import Kit, order
from tests.support.payments import attention_codes, is_settled, map_bank_transfer

NOT_THERE = {"not_created": True}


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


async def lose_answer(kit: Kit, *, when: str = "after", **changes: Any) -> dict[str, Any]:
    """Post an order whose answer is lost at a Panelr without look-ups; return its story."""
    kit.panel.settings.knows_get_work_orders = False
    kit.panel.faults.add("reset", action="create_work_order", when=when)
    content = order(**changes)
    await kit.post(content)
    return await kit.until(content["id"], lambda story: bool(story["attention"]))


async def lose_answer_of_known(kit: Kit) -> str:
    """Lose an answer after the work order's creation; return the work order's reference code."""
    await lose_answer(kit)
    return kit.panel.work_orders[1].reference_code


def make_another(panel: Panel, **changes: Any) -> str:
    """Add a copy of the first work order to Panelr, and return its reference code."""
    first = panel.work_orders[1]
    number = max(panel.work_orders) + 1
    code = f"{first.reference_code[:-5]}{number:05d}"
    panel.work_orders[number] = dataclasses.replace(
        first, id=number, reference_code=code, confirmation_token=f"token {number}", **changes
    )
    panel._last_id = number
    return code


async def resolve(kit: Kit, body: dict[str, Any], *, order_id: int = 1) -> Any:
    return await kit.api("POST", f"/orders/{order_id}/resolve", json=body)


async def last_audit(kit: Kit) -> dict[str, Any]:
    def read(connection: Connection) -> dict[str, Any]:
        query = select(audit_log.c.details).where(audit_log.c.action == "resolve").order_by(audit_log.c.id.desc())
        details: dict[str, Any] = connection.execute(query.limit(1)).scalar_one()
        return details

    return await kit.runtime.database.read(read)


# Panelr is asked


@BOTH_DATABASES
async def test_a_work_order_that_panelr_shows_is_linked_with_its_details(mapped: Kit) -> None:
    code = await lose_answer_of_known(mapped)
    answer = await resolve(mapped, {"work_order_id": 1, "reference_code": code})
    assert answer.status_code == 200, answer.text
    story, shown = answer.json()["data"], mapped.panel.work_orders[1]
    assert (story["state"], story["work_order_id"], story["reference_code"]) == ("created", 1, code)
    assert (story["adopted"], story["attention"], story["owed_calls"]) == (True, [], [])
    assert (story["panelr_status"], story["order_total"]) == ("payment_submitted", f"{shown.order_total:f}")
    (reason,) = story["reasons"]
    assert reason["code"] == "linked_by_person"
    assert f"Panelr shows it as payment_submitted, total {shown.order_total:f}" in reason["words"]
    assert [(each["action"], each["outcome"]) for each in story["attempt_log"]][-1] == ("verify_link", "done")
    (asked,) = [each for each in mapped.panel.journal if each.action == "get_work_order"]
    assert asked.query["ref"] == code
    assert asked.query["email"] == shown.customer_email
    audited = await last_audit(mapped)
    assert (audited["verified"], audited["work_order_before"]) == (True, None)


def _raise_total(shown: SimulatedWorkOrder) -> None:
    charges = shown.charges
    shown.charges = dataclasses.replace(charges, snap_total=charges.snap_total + 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda shown: setattr(shown, "status", "canceled"), "it is canceled in Panelr"),
        (lambda shown: setattr(shown, "status", "pending_payment"), "the order is paid in WooCommerce"),
        (lambda shown: setattr(shown.cart[0], "qty", 7), "its items are not those that the order called for: 7 x "),
        (_raise_total, "the order's total is 58.45"),
    ],
    ids=["canceled", "unpaid", "items", "total"],
)
async def test_what_differs_is_said_and_does_not_block(
    mapped: Kit, change: Callable[[SimulatedWorkOrder], None], words: str
) -> None:
    await mapped.api("GET", "/panelr/products?refresh=true")
    code = await lose_answer_of_known(mapped)
    change(mapped.panel.work_orders[1])
    story = (await resolve(mapped, {"reference_code": code})).json()["data"]
    assert story["state"] == "created"
    assert words in story["reasons"][0]["words"].partition("It differs: ")[2]


async def refuse_unless_unverified(kit: Kit, code: str, words: str) -> None:
    """Check that linking is refused with these words and changes nothing, and that it is possible unverified."""
    before = await kit.order(20)
    answer = await resolve(kit, {"reference_code": code})
    detail = problem(answer, 409)["detail"]
    assert words in detail
    assert "unverified" in detail
    after = await kit.order(20)
    changing = ("attempt_log",)
    assert {**after, **dict.fromkeys(changing)} == {**before, **dict.fromkeys(changing)}
    story = (await resolve(kit, {"reference_code": code, "unverified": True})).json()["data"]
    assert (story["state"], story["reference_code"]) == ("created", code)
    assert "Panelr was not asked about it" in story["reasons"][0]["words"]
    assert (await last_audit(kit))["verified"] is False


@BOTH_DATABASES
async def test_a_work_order_that_panelr_does_not_have_is_refused(mapped: Kit) -> None:
    await lose_answer(mapped)
    await refuse_unless_unverified(mapped, "WO-2026-00777", "is not shown by Panelr for this customer's e-mail address")


async def test_a_work_order_of_another_customer_is_refused(mapped: Kit) -> None:
    code = await lose_answer_of_known(mapped)
    mapped.panel.work_orders[1].customer_email = "else@example.test"
    await refuse_unless_unverified(mapped, code, "Panelr may know the customer by another address")


async def test_a_reference_and_an_address_that_do_not_go_together_are_refused(mapped: Kit) -> None:
    code = await lose_answer_of_known(mapped)
    mapped.panel.faults.add("forbidden", action="get_work_order")
    await refuse_unless_unverified(mapped, code, "is not shown by Panelr for this customer's e-mail address")


async def test_a_work_order_that_names_another_order_is_refused(mapped: Kit) -> None:
    code = await lose_answer_of_known(mapped)
    item: CartItem = mapped.panel.work_orders[1].cart[0]
    item.wc_order_id = "99"
    await refuse_unless_unverified(mapped, code, "is for order 99 of the shop, not for 20")


@pytest.mark.parametrize("fault", ["html", "close", "throttle", "unauthorized"])
async def test_nothing_changes_while_panelr_cannot_be_asked(mapped: Kit, fault: str) -> None:
    code = await lose_answer_of_known(mapped)
    mapped.panel.faults.add(fault, action="get_work_order", times=None)
    answer = await resolve(mapped, {"reference_code": code})
    assert "Nothing was changed: try again later" in problem(answer, 503)["detail"]
    story = await mapped.order(20)
    assert (story["state"], attention_codes(story)) == ("unconfirmed", ("cannot_look_up",))
    assert (await resolve(mapped, {"reference_code": code, "unverified": True})).status_code == 200


async def test_a_question_takes_a_slot_of_the_rate_limit(mapped: Kit) -> None:
    code = await lose_answer_of_known(mapped)
    await mapped.runtime.bridge.write(
        lambda connection, now: connection.execute(rate_slots.update().values(used_at=now))
    )
    asked = len(mapped.panel.journal)
    assert "no free slot" in problem(await resolve(mapped, {"reference_code": code}), 503)["detail"]
    assert len(mapped.panel.journal) == asked


async def test_a_number_alone_needs_a_list_that_shows_numbers(mapped: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    code = await lose_answer_of_known(mapped)
    mapped.panel.settings.knows_get_work_orders = True
    answer = await resolve(mapped, {"work_order_id": 1})
    assert "give its reference code" in problem(answer, 409)["detail"]
    plain = view_in_list
    monkeypatch.setattr(
        actions, "view_in_list", lambda work_order, rules: plain(work_order, rules) | {"work_order_id": work_order.id}
    )
    story = (await resolve(mapped, {"work_order_id": 1})).json()["data"]
    assert (story["work_order_id"], story["reference_code"]) == (1, code)


# A link is corrected


@BOTH_DATABASES
async def test_a_link_by_a_person_is_replaced(mapped: Kit) -> None:
    right = await lose_answer_of_known(mapped)
    wrong = make_another(mapped.panel)
    await resolve(mapped, {"reference_code": wrong})
    await mapped.until(20, lambda story: len(story["follow_ups"]) > 0)
    story = (await resolve(mapped, {"reference_code": right})).json()["data"]
    assert (story["state"], story["reference_code"], story["attention"]) == ("created", right, [])
    assert (await last_audit(mapped))["work_order_before"] == wrong
    again = await resolve(mapped, {"reference_code": right})
    assert problem(again, 409)["detail"] == "the order is linked to this work order already"


async def test_a_link_by_a_look_up_is_replaced(mapped: Kit) -> None:
    mapped.panel.faults.add("reset", action="create_work_order", when="after")
    await mapped.post(order())
    assert (await mapped.until(20, "created"))["reasons"][0]["code"] == "adopted_by_look_up"
    code = make_another(mapped.panel)
    story = (await resolve(mapped, {"reference_code": code})).json()["data"]
    assert (story["reference_code"], story["reasons"][0]["code"]) == (code, "linked_by_person")


async def test_a_payment_that_was_reported_for_the_old_work_order_is_not_forgotten(mapped: Kit) -> None:
    await map_bank_transfer(mapped, "submit_payment")
    await lose_answer(mapped, payment_method="bacs")
    mapped.panel.work_orders[1].status = "pending_payment"
    right = make_another(mapped.panel, status="payment_submitted", payments=[])
    await resolve(mapped, {"reference_code": mapped.panel.work_orders[1].reference_code})
    await mapped.until(20, is_settled("payment"))
    story = (await resolve(mapped, {"reference_code": right})).json()["data"]
    assert (story["reference_code"], attention_codes(story)) == (right, ("payment_not_told",))
    assert "check the payments of both" in story["attention"][0]["words"]


@BOTH_DATABASES
async def test_a_work_order_of_panelrs_own_answer_is_replaced_only_unverified(mapped: Kit) -> None:
    await mapped.post(order())
    own = (await mapped.order(20))["reference_code"]
    code = make_another(mapped.panel)
    detail = problem(await resolve(mapped, {"reference_code": code}), 409)["detail"]
    assert detail.startswith(f"the order is created: its work order {own} was named by Panelr's own answer")
    assert (await mapped.order(20))["reference_code"] == own
    assert not [each for each in mapped.panel.journal if each.action == "get_work_order"]
    story = (await resolve(mapped, {"reference_code": code, "unverified": True})).json()["data"]
    assert (story["reference_code"], story["adopted"]) == (code, True)


@BOTH_DATABASES
async def test_a_work_order_of_another_order_is_never_linked(mapped: Kit) -> None:
    await mapped.post(order(id=21))
    taken = (await mapped.order(21))["reference_code"]
    await lose_answer(mapped)
    for unverified in (False, True):
        answer = await resolve(mapped, {"reference_code": taken, "unverified": unverified}, order_id=2)
        assert problem(answer, 409)["detail"] == "this work order belongs to order 1 already"


@BOTH_DATABASES
async def test_a_linked_order_that_was_not_created_is_sent_again(mapped: Kit) -> None:
    await lose_answer(mapped, when="before")
    await mapped.post(order(id=21, billing=order()["billing"] | {"email": "else@example.test"}))
    wrong = make_another(mapped.panel)
    await resolve(mapped, {"reference_code": wrong, "unverified": True})
    answer = await resolve(mapped, NOT_THERE)
    assert answer.status_code == 200, answer.text
    story = await mapped.until(20, lambda story: story["state"] == "created" and not story["adopted"])
    assert story["reference_code"] not in {None, wrong}
    assert len(mapped.panel.of_wc_order("20")) == 1
    audited = await last_audit(mapped)
    assert (audited["work_order_before"], audited["after"]) == (wrong, "queued")


async def test_an_order_is_not_sent_again_while_its_meta_names_a_work_order(mapped: Kit) -> None:
    code = await lose_answer_of_known(mapped)
    await resolve(mapped, {"reference_code": code})
    meta = [{"key": "panelr_reference_code", "value": code}]
    await mapped.post(order(meta_data=meta, date_modified_gmt="2026-11-21T20:00:00"))
    detail = problem(await resolve(mapped, NOT_THERE), 409)["detail"]
    assert f"the order is linked to work order {code} in WooCommerce, too" in detail
    assert (await mapped.order(20))["reference_code"] == code


async def test_an_order_that_changed_while_panelr_was_asked_is_not_linked(mapped: Kit) -> None:
    code = await lose_answer_of_known(mapped)
    await resolve(mapped, {"reference_code": make_another(mapped.panel)})
    verified = VerifiedLink(
        work_order=WorkOrder(reference_code=code), words="", state="unconfirmed", reference_code=None
    )
    with pytest.raises(Conflict, match="it changed while Panelr was asked"):
        await mapped.runtime.bridge.write(
            resolve_order.link_work_order, 1, verified.work_order, actor="test", verified=verified
        )


@pytest.mark.parametrize("mapping", [False, True], ids=["held", "queued"])
async def test_an_order_that_was_never_sent_is_not_linked(kit: Kit, mapping: bool) -> None:
    if mapping:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        kit.panel.faults.add("throttle", action="create_work_order", retry_after=600)
    await kit.post(order())
    state = (await kit.order(20))["state"]
    detail = problem(await resolve(kit, {"reference_code": "WO-2026-00001"}), 409)["detail"]
    assert detail == f"the order is {state}: only an unconfirmed order, or one with a work order, is linked"


@BOTH_DATABASES
async def test_two_orders_that_are_linked_to_one_work_order_at_once_do_not_share_it(mapped: Kit) -> None:
    numbers = range(20, 26)
    for number in numbers:
        await lose_answer(mapped, when="before", id=number, billing=order()["billing"] | {"email": f"{number}@x.test"})
    body = {"reference_code": "WO-2026-00777", "unverified": True}
    answers = await asyncio.gather(*(resolve(mapped, body, order_id=number - 19) for number in numbers))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 5]
