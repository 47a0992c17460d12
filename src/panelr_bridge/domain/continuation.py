"""The rules for orders that continue others: never a silent new activation. Pure."""

from panelr_bridge.domain.models import OrderMappings, Reason
from panelr_bridge.domain.relation import Relation, RelationKind, read_relation
from panelr_bridge.woocommerce.order_payload import Order

OWN_MARKS_KEY = "panelr_order_id"
"""The meta key that says to which order Panelr's other keys belong; the write-back writes it where they are copied."""
RELATION_CODES = frozenset({"switch", "second_payment", "continues_order", "relation_hidden"})
"""Reason codes that a retry overrides: the order is sent then, a switch as a renewal."""
_HIDDEN = (
    "the shop has subscriptions, and its Orders resource does not show whether this order renews one: save the order in"
    " WooCommerce, so that its webhook shows it; or retry it here to send it as an order of its own"
)
_RETRY = "if it is an order of its own, retry it here"


def has_own_marks(order: Order, relation: Relation | None) -> bool:
    """Return whether Panelr's keys on the order are its own: plugins copy a first order's to its renewals."""
    if relation is None or relation.kind is RelationKind.FIRST:
        return True
    return order.meta(OWN_MARKS_KEY) == str(order.id)


def sub_order_reason(relation: Relation | None) -> Reason | None:
    """Return the reason to ignore a vendor's part of a market place's order: that order has the same goods.

    No retry overrides it: the market place's order may still come, and would be sent too.
    """
    if relation is None or relation.kind is not RelationKind.SUB_ORDER:
        return None
    parent_order = relation.continues or "(not named)"
    words = f"this is a vendor's part of order {parent_order}: that order has the same goods and is the one sent"
    return Reason("sub_order", words)


def relation_reasons(relation: Relation | None, mappings: OrderMappings) -> list[Reason]:
    """Return why a person must decide about an order that continues another one, or may do so."""
    if relation is not None:
        reason = _find_reason(relation, mappings)
    else:
        reason = Reason("relation_hidden", _HIDDEN) if mappings.hides_relation else None
    return [] if reason is None or reason.code in mappings.overridden else [reason]


def _find_reason(relation: Relation, mappings: OrderMappings) -> Reason | None:
    if relation.kind is RelationKind.SWITCH:
        names = ", ".join(map(str, relation.subscriptions)) or "(not named)"
        words = (
            f"this order changes subscription {names} to another plan: change the line in Panelr, then close this"
            " order; or retry it here to send it as a renewal of that line"
        )
        return Reason("switch", words)
    earlier = mappings.history.find(relation.continues)
    of_work_order = f" (work order {earlier.reference_code})" if earlier is not None and earlier.reference_code else ""
    order = f"order {relation.continues or '(not named)'}{of_work_order}"
    if relation.kind is RelationKind.SECOND_PAYMENT:
        words = f"this order pays the rest of {order}: record the payment in Panelr, then close this order; {_RETRY}"
        return Reason("second_payment", words)
    if relation.kind is RelationKind.CONTINUATION:
        words = f"this order belongs to {order}, which may hold the same goods: close it if it does; {_RETRY}"
        return Reason("continues_order", words)
    return None


def relation_changed(*, sent: Order, now: Order) -> list[Reason]:
    """Return the reason for attention if the order says only since its work order was created that it continues one."""
    before, after = read_relation(sent), read_relation(now)
    if after is None or after.kind is RelationKind.FIRST or (before is not None and before.kind is after.kind):
        return []
    words = f"the order says now that it continues another one ({after.kind}): check its work order in Panelr"
    return [Reason("relation_changed", words)]
