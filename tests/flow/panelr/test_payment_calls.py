"""The calls about payments and lines, sent to the simulated Panelr and read back into values."""

from datetime import UTC, datetime
from decimal import Decimal

from panelr_bridge.domain.call_outcome import Done, Refused
from panelr_bridge.domain.models import CartItem, ItemIntent, WorkOrderRequest
from panelr_bridge.domain.panelr_values import CustomerLine, WorkOrder, WorkOrderDetails, WorkOrderProof
from panelr_bridge.panelr.catalogue import offered_payment_methods, offered_products
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.panelr.customer_lines import customer_lines
from panelr_bridge.panelr.payment import work_order_details
from panelr_bridge.panelr.request import (
    PanelrRequest,
    complete_order,
    create_work_order,
    dump,
    get_lines,
    get_payment_methods,
    get_products,
    get_work_order,
    send_payment_instructions,
    submit_payment,
)
from panelr_bridge.panelr.response import created_work_order
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import PANELR_KEY

EMAIL = "ada@example.test"
REQUEST = WorkOrderRequest(
    customer_email=EMAIL,
    status="pending_payment",
    items=(CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=1),),
    wc_order_id="20",
)


async def call(panelr: tuple[str, Panel], what: PanelrRequest) -> Done:
    async with PanelrClient(base_url=panelr[0], api_key=PANELR_KEY, timeout_seconds=10) as client:
        outcome = await client.call(what, now=datetime.now(UTC))
    assert isinstance(outcome, Done), outcome
    return outcome


async def created(panelr: tuple[str, Panel]) -> WorkOrder:
    work_order = created_work_order(await call(panelr, create_work_order(dump(REQUEST))))
    assert isinstance(work_order, WorkOrder)
    return work_order


async def details(panelr: tuple[str, Panel], work_order: WorkOrder) -> WorkOrderDetails:
    assert work_order.reference_code is not None
    shown = await call(panelr, get_work_order(reference_code=work_order.reference_code, customer_email=EMAIL))
    found = work_order_details(shown)
    assert isinstance(found, WorkOrderDetails)
    return found


async def test_a_payment_is_submitted_and_seen_in_the_history(panelr: tuple[str, Panel]) -> None:
    work_order = await created(panelr)
    proofs = (
        WorkOrderProof(confirmation_token=work_order.confirmation_token),
        WorkOrderProof(reference_code=work_order.reference_code, customer_email=EMAIL),
    )
    for authority, amount in zip(proofs, (Decimal("9.90"), Decimal("39.10")), strict=True):
        await call(panelr, submit_payment(proof=authority, amount=amount, transaction_id="ch_1"))
        panelr[1].set_status(1, "pending_payment")
    found = await details(panelr, work_order)
    assert [each.amount for each in found.payment_history] == [Decimal("9.90"), Decimal("39.10")]
    assert all(each.at is not None for each in found.payment_history)
    assert (found.status, found.prev_paid, found.balance_due) == ("pending_payment", Decimal(49), Decimal(0))


async def test_an_existing_work_order_is_completed(panelr: tuple[str, Panel]) -> None:
    work_order = await created(panelr)
    assert work_order.confirmation_token is not None
    completion = complete_order(
        confirmation_token=work_order.confirmation_token,
        amount=Decimal("49.00"),
        transaction_id="ch_1",
        payment_method_id=2,
    )
    await call(panelr, completion)
    found = await details(panelr, work_order)
    assert (found.status, found.balance_due, found.order_total) == ("queued", Decimal(0), Decimal(49))
    async with PanelrClient(base_url=panelr[0], api_key=PANELR_KEY, timeout_seconds=10) as client:
        again = await client.call(completion, now=datetime.now(UTC))
    assert isinstance(again, Refused)
    assert panelr[1].work_orders[1].paid == Decimal(49)


async def test_payment_instructions_are_sent_once_a_call(panelr: tuple[str, Panel]) -> None:
    work_order = await created(panelr)
    assert work_order.work_order_id is not None
    url = "https://shop.test/checkout/order-received/20/?key=wc_order_x"
    await call(panelr, send_payment_instructions(work_order_id=work_order.work_order_id, confirm_url=url))
    assert [each.confirm_url for each in panelr[1].work_orders[1].instructions] == [url]


async def test_lines_products_and_payment_methods_are_read(panelr: tuple[str, Panel]) -> None:
    panelr[1].add_line(EMAIL, id=77, is_trial=True, usernames=["ada"], expiration_date="2026-12-22")
    assert customer_lines(await call(panelr, get_lines(customer_email=EMAIL.upper()))) == (
        CustomerLine(
            activation_id=77,
            status="trial_active",
            is_trial=True,
            plugin_id=1,
            plugin_name="Xtream UI",
            product_name="IPTV 1 Month",
            connections=1,
            expiration_date="2026-12-22",
            usernames=("ada",),
        ),
    )
    products = offered_products(await call(panelr, get_products()))
    methods = offered_payment_methods(await call(panelr, get_payment_methods()))
    assert isinstance(products, tuple)
    assert isinstance(methods, tuple)
    assert [(each.id, each.price, each.is_trial) for each in products[3:5]] == [
        (4, Decimal("19.99"), False),
        (5, Decimal(0), True),
    ]
    assert [(each.id, each.name, each.mode) for each in methods] == [
        (1, "bank_transfer", "manual"),
        (2, "card", "automated"),
    ]
