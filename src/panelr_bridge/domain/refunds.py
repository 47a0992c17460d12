"""Money that was given back before the work order exists: what is left of the order, and whether that is clear. Pure.

An order lists its refunds by their amounts alone; the shop's API says which lines they concern (`ShopRefunds`). A line
that was refunded in full is left out. Of anything less clear a person decides.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from panelr_bridge.domain.cart import MappedLine
from panelr_bridge.domain.models import OrderMappings, Reason
from panelr_bridge.domain.money import CENT, in_words, total_for_panelr
from panelr_bridge.woocommerce.order_payload import LineItem, Order
from panelr_bridge.woocommerce.refund_payload import RefundedLine, ShopRefunds

REFUND_CODES = frozenset({"refunded_before_creation", "refunded_in_full"})
"""The reason codes of refunds."""


def refund_ids(order: Order) -> frozenset[int]:
    """Return the ids of the refunds that the order lists."""
    return frozenset(refund.id for refund in order.refunds)


def lacks_refunds(order: Order, reasons: Iterable[Reason], refunds: ShopRefunds | None) -> bool:
    """Return whether the shop's API could say more about the refunds for which `order` is held."""
    is_known = refunds is not None and refunds.ids == refund_ids(order)
    return not is_known and any(reason.code == "refunded_before_creation" for reason in reasons)


def refunded_in_full(order: Order, mappings: OrderMappings) -> Reason | None:
    """Return the reason that nothing is left of the order; None if something is, or a person sends it all the same."""
    if not order.refunded or "refunded_in_full" in mappings.overridden:
        return None
    if order.refunded != order.total and without_refunded(order, mappings).line_items:
        return None
    words = (
        f"{in_words(order.refunded, order)} were refunded before the order had a work order, and nothing of it is left"
    )
    return Reason("refunded_in_full", f"{words}: a retry sends it all the same, as paid with nothing")


def without_refunded(order: Order, mappings: OrderMappings) -> Order:
    """Return the order without the lines that were refunded in full; lines that were refunded in part cost less.

    What is not known to be refunded stays.
    """
    if mappings.refunds is None or not order.refunded or "refunded_in_full" in mappings.overridden:
        return order
    known = mappings.refunds.lines
    kept = tuple(_reduced(line, known.get(line.id)) for line in order.line_items)
    return order.model_copy(update={"line_items": tuple(line for line in kept if line is not None)})


def _reduced(line: LineItem, refunded: RefundedLine | None) -> LineItem | None:
    """Return the line less what was refunded of it; None if that is all of it."""
    if refunded is None:
        return line
    is_all_money = abs(line.total + line.total_tax - refunded.amount) <= CENT
    # a person may enter the money alone; a line without a price counts by its quantity
    if is_all_money and refunded.quantity in ({line.quantity, 0} if line.total else {line.quantity}):
        return None
    left = {"total": line.total - refunded.total, "total_tax": line.total_tax - refunded.total_tax}
    return line.model_copy(update=left)


def refund_reasons(order: Order, lines: Sequence[MappedLine], mappings: OrderMappings) -> list[Reason]:
    """Return why a person must decide about the refunds of `order`; its `lines` are those that are left."""
    if not order.refunded or not mappings.overridden.isdisjoint(REFUND_CODES):
        return []
    words = _doubt(order, [line for line in lines if line.items], mappings.refunds)
    if words is None:
        return []
    refunded = f"{in_words(order.refunded, order)} of {in_words(order.total, order)} were refunded"
    left = in_words(_price_of_rest(order, lines), order)
    advice = f"retry the order to send it with {left} as its price, or close it"
    return [Reason("refunded_before_creation", f"{refunded} before the order had a work order, and {words}: {advice}")]


def _doubt(order: Order, for_panelr: Sequence[MappedLine], refunds: ShopRefunds | None) -> str | None:
    """Return in words what is not clear about the refunds; None if nothing is."""
    if order.refunded > order.total:
        return "that is more than it cost"
    if refunds is None or refunds.ids != refund_ids(order):
        return "it does not say for which lines"
    if abs(refunds.total - order.refunded) > CENT:
        return f"the shop's API shows refunds of {in_words(refunds.total, order)}"
    for line in for_panelr:
        if (part := refunds.lines.get(line.line.id)) is not None:
            return (
                f"a line was refunded in part ({line.label}: {in_words(part.amount, order)}, {part.quantity:f} units)"
            )
    known = {line.id for line in order.line_items}
    of_lines = sum((part.amount for line_id, part in refunds.lines.items() if line_id in known), Decimal(0))
    rest = refunds.total - of_lines - refunds.others
    return f"{in_words(rest, order)} of it belong to no line" if abs(rest) > CENT else None


def _price_of_rest(order: Order, lines: Sequence[MappedLine]) -> Decimal:
    for_panelr = [line.line for line in lines if line.items]
    return total_for_panelr(order, for_panelr, whole=len(for_panelr) == len(lines))
