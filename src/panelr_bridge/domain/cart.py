"""Maps an order's lines to the items of Panelr's cart: a pure function of the lines, the mappings and the policy.

A line is looked up by its variation, else its product, else its SKU; mapping_choice chooses by the line's meta.
Several mappings with one key and the same conditions make a bundle.
A renewal without an activation id gets the activation of the customer's line at Panelr, if exactly one fits.
"""

import functools
import html
import unicodedata

import msgspec

from panelr_bridge.domain.activation_match import ActivationMatcher, CartPart, build_matcher
from panelr_bridge.domain.line_intent import (
    BALANCE_PAYMENT,
    IntentMeta,
    as_renewal,
    choose_intent,
    contradiction,
    read_intent_meta,
)
from panelr_bridge.domain.mapping_choice import choose_mappings, name_products
from panelr_bridge.domain.models import (
    CartItem,
    ItemIntent,
    MappingTarget,
    OrderMappings,
    OrderPolicy,
    Reason,
    UnmappedLines,
    product_key,
    sku_key,
    variation_key,
)
from panelr_bridge.domain.relation import read_relation
from panelr_bridge.woocommerce.order_payload import LineItem, Order

LARGEST_NUMBER = 2**31 - 1


class MappedLine(msgspec.Struct, frozen=True):
    """An order line after mapping: its items, each with its mapping, or the reasons for having none."""

    line: LineItem
    items: tuple[CartItem, ...] = ()
    reasons: tuple[Reason, ...] = ()
    mappings: tuple[MappingTarget, ...] = ()

    @property
    def label(self) -> str:
        """The line's name in a reason."""
        return _line_label(self.line)


def lookup_keys(order: Order) -> frozenset[str]:
    """Return the keys of this order's lines in the mapping table."""
    return frozenset([key for line in order.line_items for key in _line_keys(line)])


def map_lines(order: Order, mappings: OrderMappings, policy: OrderPolicy) -> list[MappedLine]:
    """Return every line of `order` with its cart items, in the order's sequence."""
    by_key: dict[str, list[MappingTarget]] = {}
    for mapping in mappings.mappings:
        by_key.setdefault(mapping.key, []).append(mapping)
    of_order = read_intent_meta(order.panelr_metas)
    relation = read_relation(order, policy.relation_keys)
    renews = relation is not None and relation.renews
    results = [
        (line, _read_parts(line, by_key, policy, of_order=of_order, alone=len(order.line_items) == 1, renews=renews))
        for line in order.line_items
    ]
    parts = [part for _, line_parts in results for part in line_parts if isinstance(part, tuple)]
    matcher = build_matcher(order, mappings, parts)
    return [_build_mapped_line(line, line_parts, matcher) for line, line_parts in results]


def _build_mapped_line(line: LineItem, parts: list[CartPart | Reason], matcher: ActivationMatcher | None) -> MappedLine:
    """Return the line with its items; `matcher` is None if no item needs an activation."""
    items: list[CartItem] = []
    mappings: list[MappingTarget] = []
    reasons: dict[Reason, None] = {}
    for part in parts:
        if isinstance(part, Reason):
            reasons[part] = None
            continue
        item, mapping = part
        mappings.append(mapping)
        complete = item if matcher is None else matcher.complete(item, mapping, label=_line_label(line))
        if isinstance(complete, Reason):
            reasons[complete] = None
        else:
            items.append(complete)
    return MappedLine(line, items=() if reasons else tuple(items), reasons=tuple(reasons), mappings=tuple(mappings))


def _line_keys(line: LineItem) -> tuple[str, ...]:
    return _build_keys(line.variation_id, line.product_id, line.sku)


@functools.lru_cache(maxsize=1000)  # the same products are ordered again and again
def _build_keys(variation_id: int, product_id: int, sku: str) -> tuple[str, ...]:
    """Return the most exact key first: variation, product, SKU."""
    keys = []
    if variation_id:
        keys.append(variation_key(variation_id))
    if product_id:
        keys.append(product_key(product_id))
    keys += dict.fromkeys(sku_key(text) for text in (sku, _plain_sku(sku)) if text.strip())
    return tuple(keys)


def _plain_sku(sku: str) -> str:
    """Return a SKU without HTML's escapes, and with each accent in one character with its letter."""
    return unicodedata.normalize("NFC", html.unescape(sku))


def _read_parts(
    line: LineItem,
    by_key: dict[str, list[MappingTarget]],
    policy: OrderPolicy,
    *,
    of_order: IntentMeta,
    alone: bool,
    renews: bool,
) -> list[CartPart | Reason]:
    """Return the line's cart items, or the reasons against them.

    `alone` says that the order has no other line, `renews` that it goes on with lines that exist.
    """
    meta = read_intent_meta(line.panelr_metas)
    if meta.intent == BALANCE_PAYMENT:  # pays for an existing work order: not a cart item
        return []
    targets = choose_mappings(line, _line_keys(line), by_key, label=_line_label(line))
    if isinstance(targets, Reason):
        return [targets]
    if not targets:
        return [_unmapped_reason(line)] if policy.unmapped_lines is UnmappedLines.HOLD else []
    wanted = [target for target in targets if target.panelr_product_id is not None]
    if meta.is_empty and not of_order.is_empty and wanted:
        if not alone:
            words = "the order itself, not one of its lines, has panelr_intent or panelr_activation_id: move it there"
            return [contradiction(words, _line_label(line))]
        meta = of_order
    elif meta.intent == ItemIntent.NEW_ACTIVATION and not of_order.says_new:
        words = "the line is a new activation, and the order's own panelr_intent or panelr_activation_id says otherwise"
        return [contradiction(f"{words}: correct one of them", _line_label(line))]
    if renews:
        meta = as_renewal(meta)
    return [_build_part(line, target, meta, alone=len(wanted) == 1) for target in wanted]


def _build_part(line: LineItem, mapping: MappingTarget, meta: IntentMeta, *, alone: bool) -> CartPart | Reason:
    """Return one cart item with its mapping, or the reason why Panelr would refuse it."""
    chosen = choose_intent(meta, mapping.intent, label=_line_label(line), alone=alone)
    if isinstance(chosen, Reason):
        return chosen
    qty = line.quantity * mapping.quantity
    count = int(qty)
    if qty != count or not 1 <= count <= LARGEST_NUMBER:
        words = f"the quantity {line.quantity} gives no whole number of items"
        return Reason("unusable_quantity", words, _line_label(line))
    intent, activation_id = chosen
    item = CartItem(product_id=mapping.panelr_product_id or 0, intent=intent, qty=count, activation_id=activation_id)
    return item, mapping


def _unmapped_reason(line: LineItem) -> Reason:
    keys = name_products(line)
    if not keys:
        words = "this line has neither a product nor a SKU, so it cannot be mapped: set one in WooCommerce, or skip it"
        return Reason("unmappable_line", words, _line_label(line))
    return Reason("unmapped_product", f"no mapping for {keys}: add one, or map it to nothing", _line_label(line))


def _line_label(line: LineItem) -> str:
    return line.name[:120] or f"line {line.id}"
