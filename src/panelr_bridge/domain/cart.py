"""From an order's lines to the items of Panelr's cart: a pure function of the lines and of what the mappings know.

A line is looked up by its variation, else its product, else its SKU; several mappings of one key make a bundle.
A renewal that does not say for which activation is matched with the customer's lines, where just one fits.
"""

import functools
import re
from collections import Counter
from dataclasses import dataclass, replace

from panelr_bridge.domain.customer_email import find_email
from panelr_bridge.domain.models import (
    CartItem,
    CustomerLine,
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
from panelr_bridge.woocommerce.order_payload import LineItem, Order

LARGEST_NUMBER = 2**31 - 1
BALANCE_PAYMENT = "balance_payment"
POSITIVE = re.compile(r"0*[1-9][0-9]{0,9}")
INTENTS = frozenset(ItemIntent)
RENEWABLE = frozenset({"active", "expired", "suspended"})
UPGRADABLE = frozenset({"trial_active", "active", "expired"})


@dataclass(frozen=True, slots=True)
class MappedLine:
    """A line with what the mappings make of it: its items, each with its mapping, or the reasons why it has none."""

    line: LineItem
    items: tuple[CartItem, ...] = ()
    reasons: tuple[Reason, ...] = ()
    mappings: tuple[MappingTarget, ...] = ()

    @property
    def label(self) -> str:
        """What a reason calls the line."""
        return _line_label(self.line)


_CartPart = tuple[CartItem, MappingTarget]
"""One item of a line, and the mapping that it comes from."""


def lookup_keys(order: Order) -> frozenset[str]:
    """Return the keys under which the mapping table may know this order's lines."""
    return frozenset([key for line in order.line_items for key in _line_keys(line)])


def map_lines(order: Order, catalogue: OrderMappings, policy: OrderPolicy) -> list[MappedLine]:
    """Return each line with what the mappings make of it, in their order."""
    by_key: dict[str, list[MappingTarget]] = {}
    for mapping in catalogue.mappings:
        by_key.setdefault(mapping.key, []).append(mapping)
    read = [(line, _read_parts(line, by_key, policy)) for line in order.line_items]
    parts = [part for _, found in read for part in found if isinstance(part, tuple)]
    wanting = [part for part in parts if _needs_activation(part[0])]
    activations = _build_matcher(order, catalogue, parts, wanting) if wanting else None
    return [_build_mapped_line(line, found, activations) for line, found in read]


def _build_mapped_line(
    line: LineItem, found: list[_CartPart | Reason], activations: "_ActivationMatcher | None"
) -> MappedLine:
    """A line by its parts; without `activations` none of them lacks one."""
    items: list[CartItem] = []
    mappings: list[MappingTarget] = []
    reasons: dict[Reason, None] = {}
    for part in found:
        if isinstance(part, Reason):
            reasons[part] = None
            continue
        item, mapping = part
        mappings.append(mapping)
        settled = item if activations is None else activations.settle(line, item, mapping)
        if isinstance(settled, Reason):
            reasons[settled] = None
        else:
            items.append(settled)
    return MappedLine(line, items=() if reasons else tuple(items), reasons=tuple(reasons), mappings=tuple(mappings))


def _line_keys(line: LineItem) -> tuple[str, ...]:
    return _build_keys(line.variation_id, line.product_id, line.sku)


@functools.lru_cache(maxsize=1000)  # the same products are ordered again and again
def _build_keys(variation_id: int, product_id: int, sku: str) -> tuple[str, ...]:
    """The most exact key first: variation, product, SKU."""
    keys = []
    if variation_id:
        keys.append(variation_key(variation_id))
    if product_id:
        keys.append(product_key(product_id))
    if sku.strip():
        keys.append(sku_key(sku))
    return tuple(keys)


def _read_parts(
    line: LineItem, by_key: dict[str, list[MappingTarget]], policy: OrderPolicy
) -> list[_CartPart | Reason]:
    intent = line.meta("panelr_intent", "_panelr_intent")
    if intent == BALANCE_PAYMENT:  # pays for a work order that exists: no cart item
        return []
    found: list[MappingTarget] = []
    for key in _line_keys(line):
        found = found or by_key.get(key, [])
    if not found:
        return [_unmapped_reason(line)] if policy.unmapped_lines is UnmappedLines.HOLD else []
    return [_build_part(line, mapping, intent) for mapping in found if mapping.panelr_product_id is not None]


def _build_part(line: LineItem, mapping: MappingTarget, told_intent: str | None) -> _CartPart | Reason:
    """One cart item, or the reason why Panelr would refuse it."""
    if told_intent is not None and told_intent not in INTENTS:
        words = f"the line's panelr_intent {told_intent[:60]!r} is none that Panelr knows"
        return Reason("unknown_intent", words, _line_label(line))
    qty = line.quantity * mapping.quantity
    if qty != qty.to_integral_value() or not 1 <= qty <= LARGEST_NUMBER:
        words = f"the quantity {line.quantity} gives no whole number of items"
        return Reason("unusable_quantity", words, _line_label(line))
    intent = mapping.intent if told_intent is None else ItemIntent(told_intent)
    item = CartItem(product_id=mapping.panelr_product_id or 0, intent=intent, qty=int(qty))
    if intent is ItemIntent.NEW_ACTIVATION:
        return item, mapping
    activation = line.meta("panelr_activation_id", "_panelr_activation_id")
    if activation is None:
        return item, mapping
    if not POSITIVE.fullmatch(activation) or int(activation) > LARGEST_NUMBER:
        words = f"panelr_activation_id {activation[:60]!r} is no number"
        return Reason("unusable_activation_id", words, _line_label(line))
    return replace(item, activation_id=int(activation)), mapping


def _needs_activation(item: CartItem) -> bool:
    return item.intent is not ItemIntent.NEW_ACTIVATION and item.activation_id is None


class _ActivationMatcher:
    """The customer's lines, for the items of an order that do not say which one they are for.

    A line that another item names, or that two items would be given, is nobody's: which one is meant is not guessed.
    """

    def __init__(
        self, lines: tuple[CustomerLine, ...] | None, parts: list[_CartPart], wanting: list[_CartPart]
    ) -> None:
        named = {item.activation_id for item, _ in parts}
        self._lines = None if lines is None else [line for line in lines if line.activation_id not in named]
        self._wanted = Counter(line.activation_id for part in wanting for line in self._fitting(*part))

    def settle(self, line: LineItem, item: CartItem, mapping: MappingTarget) -> CartItem | Reason:
        """Return the item with its activation, or the reason why that cannot be told."""
        if not _needs_activation(item):
            return item
        name = _line_label(line)
        if self._lines is None:
            words = f"a {item.intent} needs the activation that it is for: the line has no panelr_activation_id"
            return Reason("no_activation_id", words, name)
        fitting = self._fitting(item, mapping)
        if not fitting:
            words = f"Panelr shows no line of this customer that this {item.intent} fits: set panelr_activation_id"
            return Reason("no_fitting_line", words, name)
        if len(fitting) > 1 or self._wanted[fitting[0].activation_id] > 1:
            words = f"more than one line of this customer fits this {item.intent}: set panelr_activation_id"
            return Reason("several_fitting_lines", words, name)
        return replace(item, activation_id=fitting[0].activation_id)

    def _fitting(self, item: CartItem, mapping: MappingTarget) -> list[CustomerLine]:
        return [line for line in self._lines or () if _line_fits(line, item, mapping)]


def _build_matcher(
    order: Order, catalogue: OrderMappings, parts: list[_CartPart], wanting: list[_CartPart]
) -> _ActivationMatcher:
    known = catalogue.lines
    told = known.lines if known is not None and known.email == find_email(order) else None
    return _ActivationMatcher(told, parts, wanting)


def _line_fits(line: CustomerLine, item: CartItem, mapping: MappingTarget) -> bool:
    plugins = (line.plugin_id, mapping.plugin_id)
    if None not in plugins and plugins[0] != plugins[1]:
        return False
    trial = line.is_trial or line.status == "trial_active"
    if item.intent is ItemIntent.TRIAL_UPGRADE:
        return trial and line.status in UPGRADABLE
    return not trial and line.status in RENEWABLE


def _unmapped_reason(line: LineItem) -> Reason:
    known_by = ", ".join(
        f"{what} {value}"
        for what, value in (
            ("variation", line.variation_id),
            ("product", line.product_id),
            ("SKU", line.sku.strip()),
        )
        if value
    )
    if not known_by:
        words = "this line has neither a product nor a SKU, so it cannot be mapped: set one in WooCommerce, or skip it"
        return Reason("unmappable_line", words, _line_label(line))
    return Reason("unmapped_product", f"no mapping for {known_by}: add one, or map it to nothing", _line_label(line))


def _line_label(line: LineItem) -> str:
    return line.name[:120] or f"line {line.id}"
