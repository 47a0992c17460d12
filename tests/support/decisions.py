"""Call `decide` with an order as WooCommerce writes it, mappings and a policy."""

import json
from collections.abc import Sequence
from typing import Any

from panelr_bridge.domain.decision import Create, Decision, decide
from panelr_bridge.domain.models import (
    AdjustmentMode,
    ItemIntent,
    MappingTarget,
    OrderMappings,
    OrderPolicy,
    Reason,
    UnmappedLines,
    WcOrderId,
    WorkOrderRequest,
)
from panelr_bridge.woocommerce.order_payload import Order, read_order
from tests.support.bridge_kit import order

POLICY = OrderPolicy(
    create_on=frozenset({"on-hold", "processing", "completed"}),
    status_map=(
        ("cancelled", "canceled"),
        ("completed", "payment_submitted"),
        ("failed", "payment_failed"),
        ("on-hold", "pending_payment"),
        ("pending", "pending_payment"),
        ("processing", "payment_submitted"),
        ("refunded", "canceled"),
    ),
    unmapped_lines=UnmappedLines.HOLD,
    wc_order_id=WcOrderId.ID,
    require_payment_method=False,
    adjustment=AdjustmentMode.ORDER,
)


def maps(
    key: str, panelr_product_id: int | None, intent: ItemIntent = ItemIntent.NEW_ACTIVATION, quantity: int = 1
) -> MappingTarget:
    """Return one row of the mapping table."""
    return MappingTarget(key=key, panelr_product_id=panelr_product_id, intent=intent, quantity=quantity)


MAPPED = (maps("product:12", 3),)
MAPPINGS = OrderMappings(mappings=MAPPED, payment_method_id=None, revision=0)


def read(content: dict[str, Any]) -> Order:
    """Return the order as the bridge reads it."""
    return read_order(json.dumps(content).encode())


def decision(
    content: dict[str, Any],
    mappings: Sequence[MappingTarget] = MAPPED,
    policy: OrderPolicy = POLICY,
    payment_method_id: int | None = None,
) -> Decision:
    """Decide an order."""
    catalogue = OrderMappings(mappings=tuple(mappings), payment_method_id=payment_method_id, revision=1)
    return decide(read(content), catalogue, policy)


def request(
    content: dict[str, Any],
    mappings: Sequence[MappingTarget] = MAPPED,
    policy: OrderPolicy = POLICY,
    payment_method_id: int | None = None,
) -> WorkOrderRequest:
    """Decide an order that must become a work order; return the request."""
    decided = decision(content, mappings, policy, payment_method_id)
    assert isinstance(decided, Create), decided
    return decided.request


def codes(reasons: Sequence[Reason]) -> list[str]:
    """Return the codes of reasons."""
    return [reason.code for reason in reasons]


def meta(**entries: Any) -> list[dict[str, Any]]:
    """Return meta_data as WooCommerce writes it."""
    return [{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(entries.items(), 1)]


def item(**changes: Any) -> dict[str, Any]:
    """Return the one line of the valid order, with changes."""
    first: dict[str, Any] = order()["line_items"][0]
    return first | changes
