"""Frozen values shared by all parts of the bridge. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from panelr_bridge.domain.history import NO_HISTORY, History
from panelr_bridge.domain.mapping_conditions import Conditions
from panelr_bridge.domain.panelr_values import (
    NOTHING_KNOWN,
    CartQuote,
    CustomerLines,
    MethodAdjustment,
    PanelrFacts,
)
from panelr_bridge.domain.relation import RelationKeys
from panelr_bridge.woocommerce.refund_payload import ShopRefunds


class OrderState(StrEnum):
    """The state of an order; docs/states.md explains each one and what to do."""

    IGNORED = "ignored"
    WAITING = "waiting"
    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    UNCONFIRMED = "unconfirmed"
    CREATED = "created"
    REFUSED = "refused"
    CLOSED = "closed"


class ItemIntent(StrEnum):
    """Panelr's service for a cart item."""

    NEW_ACTIVATION = "new_activation"
    RENEWAL = "renewal"
    TRIAL_UPGRADE = "trial_upgrade"


class CallAction(StrEnum):
    """The kind of an owed call."""

    CREATE_WORK_ORDER = "create_work_order"
    LOOK_UP = "look_up"


class FollowUpKind(StrEnum):
    """The kinds of follow-ups of an order, most urgent first."""

    PAYMENT = "payment"
    INSTRUCTIONS = "instructions"
    RELATION = "relation"
    LINES = "lines"
    REFUNDS = "refunds"
    ACTIVATIONS = "activations"
    WRITE_BACK = "write_back"
    STATUS = "status"


class OnPaid(StrEnum):
    """How a payment in WooCommerce is reported to Panelr."""

    SUBMIT_PAYMENT = "submit_payment"
    COMPLETE_ORDER = "complete_order"
    NONE = "none"


class UnmappedLines(StrEnum):
    """The treatment of an order with an unmapped line."""

    HOLD = "hold"
    SKIP = "skip"


class AdjustmentMode(StrEnum):
    """The source of a work order's fee or discount.

    AUTO: what Panelr's own reckoning lacks of the order's total. ORDER: the order's own fees and discounts.
    MATCH_TOTAL: the difference to Panelr's list prices.
    """

    AUTO = "auto"
    ORDER = "order"
    MATCH_TOTAL = "match_total"


class FreeOrders(StrEnum):
    """The treatment of an order whose total is zero."""

    REVIEW = "review"
    COMPLETE = "complete"


class OtherCurrency(StrEnum):
    """The treatment of an order in another currency than that of its Panelr product.

    SEND: with its amounts as they are. OMIT_AMOUNTS: without any amount.
    """

    HOLD = "hold"
    SEND = "send"
    OMIT_AMOUNTS = "omit_amounts"


class PluginKeys(StrEnum):
    """The orders in which a write-back also writes the keys of Panelr's own plugin.

    AUTO: where the plugin has left anything.
    """

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class WcOrderId(StrEnum):
    """The order field sent to Panelr as `wc_order_id`."""

    ID = "id"
    NUMBER = "number"
    ORDER_KEY = "order_key"


LONGEST_WORDS = 1000
"""The largest length of a reason's words; a shop's texts in them may be of any length."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an order has its state: a stable code, words for the operator, and the line concerned, if any."""

    code: str
    words: str
    line: str | None = None

    def as_json(self) -> dict[str, str]:
        """Return `{"code", "words"}`, and `"line"` if the reason concerns one."""
        content = {"code": self.code, "words": self.words[:LONGEST_WORDS]}
        return content if self.line is None else content | {"line": self.line}


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingTarget:
    """One row of the product-mapping table: the Panelr product of a WooCommerce product.

    `key` is a `variation_key`, `product_key` or `sku_key`. `panelr_product_id` None means "known, not for Panelr".
    The mapping is only for lines whose meta meets all `conditions`.
    The other fields come from Panelr's product list; None if it was never read or does not show them.
    """

    key: str
    panelr_product_id: int | None
    intent: ItemIntent
    quantity: int
    conditions: Conditions = ()
    price: Decimal | None = None
    currency: str | None = None
    plugin_id: int | None = None
    connections: int | None = None


@dataclass(frozen=True, slots=True)
class KnownStore:
    """What the bridge knows of a store: when it first saw it, and the host from which its deliveries come."""

    name: str = ""
    first_seen_at: datetime | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMappings:
    """The mappings of one order's lines and of its payment method, and what is known of its store."""

    mappings: tuple[MappingTarget, ...]
    payment_method_id: int | None
    revision: int
    on_paid: OnPaid = OnPaid.NONE
    lines: CustomerLines | None = None
    """The customer's lines at Panelr, if they have been read."""
    refunds: ShopRefunds | None = None
    """What the shop's API shows of the order's refunds, if it was asked."""
    overridden: frozenset[str] = frozenset()
    """The reason codes that a person has overridden for this order."""
    method_adjustment: MethodAdjustment | None = None
    facts: PanelrFacts = NOTHING_KNOWN
    quotes: Mapping[bytes, CartQuote] = field(default_factory=dict)
    """Panelr's known quotes by the cart's shape."""
    store: KnownStore = KnownStore()
    source: str = ""
    """The host of the shop that sent the order; empty if it is not known."""
    hides_relation: bool = False
    """Whether the order may renew a subscription, and its snapshot does not show it."""
    history: History = NO_HISTORY
    """The earlier orders, of an order that continues one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPolicy:
    """The settings used by a decision; settings/model.py documents each."""

    create_on: frozenset[str]
    status_map: tuple[tuple[str, str], ...]
    unmapped_lines: UnmappedLines
    wc_order_id: WcOrderId
    require_payment_method: bool
    adjustment: AdjustmentMode = AdjustmentMode.AUTO
    free_orders: FreeOrders = FreeOrders.REVIEW
    other_currency: OtherCurrency = OtherCurrency.HOLD
    writes_back: frozenset[str] = frozenset()
    """The stores with write-back."""
    max_lines: int = 1000
    orders_since: Mapping[str, datetime] = field(default_factory=dict)
    """By store, from when on orders count; a store without an entry has the default."""
    sources: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By store, the hosts of its shop that the settings name."""
    relation_keys: RelationKeys = ()
    """Meta keys of other plugins that say that an order continues another."""
    asks_relations: frozenset[str] = frozenset()
    """The stores whose API can be asked for the orders of a subscription."""


# A Struct: each line of each order makes several, and one takes a tenth of a frozen dataclass's time.
class CartItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item of create_work_order's cart."""

    product_id: int
    intent: ItemIntent
    qty: int
    activation_id: int | None = None
    unit_price: Decimal | None = None
    """The shop's price of one, before discounts."""
    pay_with_points: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAdjustment:
    """A fee or a discount on a work order; `amount` is positive, in the order's currency."""

    direction: str
    label: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderRequest:
    """The parameters of create_work_order (source: Panelr's API page for create_work_order)."""

    customer_email: str
    status: str
    items: tuple[CartItem, ...]
    wc_order_id: str
    customer_name: str | None = None
    customer_phone: str | None = None
    payment_method_id: int | None = None
    payment_amount: Decimal | None = None
    adjustment: PriceAdjustment | None = None
    coupon_code: str | None = None
    referral_code: str | None = None
    source: str = "woocommerce"


def variation_key(variation_id: int) -> str:
    """Return the mapping key of a variation."""
    return f"variation:{variation_id}"


def product_key(product_id: int) -> str:
    """Return the mapping key of a product."""
    return f"product:{product_id}"


def sku_key(sku: str) -> str:
    """Return the mapping key of a SKU; it ignores case, as WooCommerce does."""
    return f"sku:{sku.strip().casefold()}"
