"""A created order to plan follow-ups for, and the steps that are planned."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from panelr_bridge.application.follow_ups.plan import plan_steps
from panelr_bridge.domain.follow_up_rules import CreatedOrder, FollowUpState, Step, StoreOptions
from panelr_bridge.domain.models import CartItem, FollowUpKind, ItemIntent, OnPaid, WorkOrderRequest
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.woocommerce.order_payload import Order
from tests.support.bridge_kit import order

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SHOP = StoreOptions(url="https://shop.test/")
REQUEST = WorkOrderRequest(
    customer_email="ada@mail.test",
    status="pending_payment",
    items=(CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=1),),
    wc_order_id="20",
    payment_method_id=1,
)
WORK_ORDER = WorkOrder(
    reference_code="WO-2026-00007", work_order_id=7, confirmation_token="tok", status="pending_payment"
)
UNPAID = {"status": "on-hold", "date_paid_gmt": None}
PAID = {"status": "processing", "transaction_id": "ch_1"}


def snapshot(**changes: Any) -> Order:
    return Order.model_validate(order(**changes))


def created(content: dict[str, Any], **changes: Any) -> CreatedOrder:
    known = CreatedOrder(
        now=NOW,
        order=snapshot(**content),
        work_order=WORK_ORDER,
        request=REQUEST,
        created_at=NOW,
        on_paid=OnPaid.SUBMIT_PAYMENT,
        payment_method_id=1,
        amount=Decimal("58.45"),
    )
    return replace(known, **changes)


def wanted(
    one: CreatedOrder, *, shop: StoreOptions = SHOP, known: dict[FollowUpKind, FollowUpState] | None = None
) -> dict[FollowUpKind, Step]:
    return {step.kind: step for step in plan_steps(replace(one, store=shop, follow_ups=known or {}))}
