"""Finds the customer's line at Panelr that a renewal or trial upgrade is for. Pure.

A renewal's product needs at least the line's connections, of the same service. A free trial may become any product: a
renewal is for a trial where no other line of the customer fits.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from msgspec.structs import replace

from panelr_bridge.domain.customer_email import find_email
from panelr_bridge.domain.history import History
from panelr_bridge.domain.models import CartItem, ItemIntent, MappingTarget, OrderMappings, Reason
from panelr_bridge.domain.panelr_values import CustomerLine
from panelr_bridge.woocommerce.order_payload import Order

CartPart = tuple[CartItem, MappingTarget]
"""One item of a line, and its mapping."""
RENEWABLE = frozenset({"active", "expired", "suspended"})
UPGRADABLE = frozenset({"trial_active", "active", "expired"})
TRIAL_ACTIVE = "trial_active"
_TRIAL_STATUSES = {ItemIntent.TRIAL_UPGRADE: UPGRADABLE, ItemIntent.RENEWAL: UPGRADABLE | RENEWABLE}
CHOOSE = "choose one (orders resolve NUMBER --activation ID), or set panelr_activation_id"
SHOWN_LINES = 5
SHOWN_NAME = 40
SHOWN_USERNAMES = 2
SHOWN_USERNAME = 4
"""How much of a user name a reason shows: enough to recognise it, too little to use it."""


class ActivationMatcher:
    """Finds the line at Panelr for the items without an activation id.

    First what a person chose, then the lines of the order's own subscription, then the customer's lines. A line named
    by another item, or fitting more items than one, is given to none of them: the bridge does not guess.
    """

    def __init__(
        self,
        lines: tuple[CustomerLine, ...] | None,
        parts: Sequence[CartPart],
        incomplete: Sequence[CartPart],
        history: History,
    ) -> None:
        self._history = history
        self._chosen = list(history.chosen)
        rest = incomplete[len(self._chosen) :]
        taken = {item.activation_id for item, _ in parts}.union(self._chosen)
        self._known, self._certain = _share_lines(history, Counter(item.product_id for item, _ in rest), taken)
        taken.update(number for numbers in self._certain.values() for number in numbers)
        self._lines = None if lines is None else [line for line in lines if line.activation_id not in taken]
        others = [part for part in rest if part[0].product_id not in self._certain]
        self._demand = Counter(line.activation_id for part in others for line in self._fitting_lines(*part))

    def complete(self, item: CartItem, mapping: MappingTarget, *, label: str) -> CartItem | Reason:
        """Return the item with its activation id, or the reason why it is not known; `label` names the order's line."""
        if not _needs_activation(item):
            return item
        if self._chosen:
            return replace(item, activation_id=self._chosen.pop(0))
        if item.product_id in self._certain:
            return replace(item, activation_id=self._certain[item.product_id].pop(0))
        known = self._known[item.product_id]
        if not known and (reason := self._wait_reason(item, label)) is not None:
            return reason
        if self._lines is None:
            words = f"a {item.intent} needs the activation that it is for: the line has no panelr_activation_id"
            return Reason("no_activation_id", words, label)
        fitting = self._fitting_lines(item, mapping)
        if known:
            fitting = [line for line in fitting if line.activation_id in known]
        if not fitting:
            words = f"no line of this customer at Panelr fits this {item.intent}: {CHOOSE}"
            return Reason("no_fitting_line", f"{words} ({_describe_lines(self._lines)})", label)
        if len(fitting) > 1 or self._demand[fitting[0].activation_id] > 1:
            words = f"more than one line of this customer fits this {item.intent}"
            if len(fitting) == 1:
                words = f"this {item.intent} and another item fit the same line of this customer"
            return Reason("several_fitting_lines", f"{words}: {CHOOSE} ({_describe_lines(fitting)})", label)
        return replace(item, activation_id=fitting[0].activation_id)

    def _wait_reason(self, item: CartItem, label: str) -> Reason | None:
        """Return the reason to wait for what is not known yet of the order's subscription."""
        awaited = self._history.awaited
        if awaited is not None:
            code = awaited.reference_code
            of_order = f"order {awaited.woo_order_id}" + (f" (work order {code})" if code else "")
            words = f"this {item.intent} is for the line of {of_order}, which has not brought one yet: it waits for it"
            return Reason("awaits_first_order", words, label)
        if self._history.may_ask:
            words = f"this {item.intent} belongs to a subscription: the shop is asked for its first order"
            return Reason("first_order_unknown", words, label)
        return None

    def _fitting_lines(self, item: CartItem, mapping: MappingTarget) -> list[CustomerLine]:
        """Return the customer's lines that fit; of several, those that belong to no other subscription."""
        lines = self._lines or []
        renewed = [line for line in lines if item.intent is ItemIntent.RENEWAL and _is_renewed_by(line, mapping)]
        fitting = renewed or [line for line in lines if _is_trial(line) and line.status in _TRIAL_STATUSES[item.intent]]
        return [line for line in fitting if line.activation_id not in self._history.others] or fitting


def _share_lines(
    history: History, wanted: Counter[int], taken: Collection[int | None]
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Return the lines of the subscription that may be each product's, and those that are for certain.

    `wanted` counts the items of each product. A line of a wanted product is for that product alone. Any other line may
    be for a product that has none: a switch changes it. Two such products could take one line for another.
    """
    free = [each for each in history.lines if each.id not in taken]
    own = {product: [each.id for each in free if each.product_id == product] for product in wanted}
    others = [each.id for each in free if each.product_id not in wanted]
    known = {product: numbers or others for product, numbers in own.items()}
    is_alone = sum(not numbers for numbers in own.values()) == 1
    certain = {
        product: list(known[product])
        for product, count in wanted.items()
        if len(known[product]) == count and (own[product] or is_alone)
    }
    return known, certain


def build_matcher(order: Order, mappings: OrderMappings, parts: Sequence[CartPart]) -> ActivationMatcher | None:
    """Return the matcher of an order's cart; None if no item lacks an activation id."""
    incomplete = [part for part in parts if _needs_activation(part[0])]
    if not incomplete:
        return None
    customer = mappings.lines
    lines = customer.lines if customer is not None and customer.email == find_email(order) else None
    return ActivationMatcher(lines, parts, incomplete, mappings.history)


def _needs_activation(item: CartItem) -> bool:
    return item.intent is not ItemIntent.NEW_ACTIVATION and item.activation_id is None


def _is_trial(line: CustomerLine) -> bool:
    return line.is_trial is True or line.status == TRIAL_ACTIVE


def _is_renewed_by(line: CustomerLine, mapping: MappingTarget) -> bool:
    """Return whether the mapping's product may renew `line`; what Panelr does not show excludes nothing."""
    is_same_service = line.plugin_id is None or mapping.plugin_id in {None, line.plugin_id}
    has_connections = line.connections is None or mapping.connections is None or mapping.connections >= line.connections
    return not _is_trial(line) and line.status in RENEWABLE and is_same_service and has_connections


def _describe_lines(lines: Sequence[CustomerLine]) -> str:
    """Return the first lines in words, so that a person can choose one."""
    if not lines:
        return "Panelr shows no other line of this customer"
    shown = "; ".join(_describe_line(line) for line in lines[:SHOWN_LINES])
    return shown if len(lines) <= SHOWN_LINES else f"{shown}; and {len(lines) - SHOWN_LINES} more"


def _describe_line(line: CustomerLine) -> str:
    parts = [
        _cut(line.product_name),
        _cut(line.plugin_name),
        "" if line.connections is None else f"{line.connections} connection{'' if line.connections == 1 else 's'}",
        _cut(line.status),
        f"until {line.expiration_date[:10]}" if line.expiration_date else "",
        *(f"user {_shorten_username(name)}" for name in line.usernames[:SHOWN_USERNAMES]),
    ]
    return f"activation {line.activation_id}: {', '.join(part for part in parts if part) or 'no details'}"


def _cut(name: str | None) -> str:
    """Return a name for a reason. A name with an @ may be an e-mail address, which no reason shows."""
    return "" if name is None or "@" in name else name[:SHOWN_NAME]


def _shorten_username(name: str) -> str:
    start = name.partition("@")[0][:SHOWN_USERNAME]
    return start if start == name else f"{start}\u2026"
