"""Frozen values that every part of the bridge shares. Nothing here does I/O."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class OrderState(StrEnum):
    """Where an order stands; docs/states.md says what each one means and what to do."""

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
    """What Panelr shall do for a cart item."""

    NEW_ACTIVATION = "new_activation"
    RENEWAL = "renewal"
    TRIAL_UPGRADE = "trial_upgrade"


class CallAction(StrEnum):
    """A call that is owed to Panelr."""

    CREATE_WORK_ORDER = "create_work_order"
    LOOK_UP = "look_up"


class FollowUpKind(StrEnum):
    """What an order calls for beside its create call, in the order of urgency."""

    PAYMENT = "payment"
    INSTRUCTIONS = "instructions"
    LINES = "lines"
    WRITE_BACK = "write_back"
    STATUS = "status"


class OnPaid(StrEnum):
    """What Panelr is told when WooCommerce says that an order is paid."""

    SUBMIT_PAYMENT = "submit_payment"
    COMPLETE_ORDER = "complete_order"
    NONE = "none"


class UnmappedLines(StrEnum):
    """What becomes of an order with a line that no mapping knows."""

    HOLD = "hold"
    SKIP = "skip"


class AdjustmentMode(StrEnum):
    """What a work order's fee or discount is: the order's own, or whatever matches Panelr's prices to its total."""

    ORDER = "order"
    MATCH_TOTAL = "match_total"


class WcOrderId(StrEnum):
    """Which of an order's names is told to Panelr as `wc_order_id`."""

    ID = "id"
    NUMBER = "number"
    ORDER_KEY = "order_key"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an order stands where it stands: a stable code, words for a person, and the line it is about."""

    code: str
    words: str
    line: str | None = None

    def as_json(self) -> dict[str, str]:
        """Return `{"code", "words"}` and `"line"` where the reason is about one."""
        content = {"code": self.code, "words": self.words}
        return content if self.line is None else content | {"line": self.line}


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingTarget:
    """One row of the product-mapping table: what a WooCommerce product is in Panelr.

    `key` is what a line is looked up by (see `woo_key`); `panelr_product_id` None says "known, not for Panelr".
    What Panelr's list says of the product is None where the list was never had, or does not show it.
    """

    key: str
    panelr_product_id: int | None
    intent: ItemIntent
    quantity: int
    price: Decimal | None = None
    currency: str | None = None
    plugin_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMappings:
    """All that the mapping tables know about one order's lines and its payment method."""

    mappings: tuple[MappingTarget, ...]
    payment_method_id: int | None
    revision: int
    on_paid: OnPaid = OnPaid.NONE
    lines: "CustomerLines | None" = None
    """A customer's lines at Panelr, where it has been asked for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPolicy:
    """The operator's choices that shape a decision; settings/model.py documents each."""

    create_on: frozenset[str]
    status_map: tuple[tuple[str, str], ...]
    unmapped_lines: UnmappedLines
    wc_order_id: WcOrderId
    require_payment_method: bool
    adjustment: AdjustmentMode = AdjustmentMode.ORDER
    writes_back: frozenset[str] = frozenset()
    """The stores whose orders carry their work orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CartItem:
    """One item of a work order, as create_work_order takes it."""

    product_id: int
    intent: ItemIntent
    qty: int
    activation_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAdjustment:
    """A fee or a discount on a work order; `amount` is positive, in the order's currency."""

    direction: str
    label: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderRequest:
    """All of create_work_order's parameters (source: Panelr's API page for create_work_order)."""

    customer_email: str
    status: str
    items: tuple[CartItem, ...]
    wc_order_id: str
    customer_name: str | None = None
    customer_phone: str | None = None
    payment_method_id: int | None = None
    payment_amount: Decimal | None = None
    adjustment: PriceAdjustment | None = None
    source: str = "woocommerce"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """A work order as far as it is known: an adopted one may lack its id or its token."""

    reference_code: str | None
    work_order_id: int | None = None
    confirmation_token: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWorkOrder:
    """A work order in Panelr's list for one customer; `None` means that the installation does not show it."""

    work_order: WorkOrder
    created_at: datetime | None
    items: tuple["ListedItem", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedItem:
    """An item of a listed work order; None is what the list does not show, or not in words that are known.

    `shows_wc_order_id` tells a missing field from an empty one.
    """

    name: str
    qty: int | None
    intent: str | None
    product_id: int | None
    wc_order_id: str | None
    shows_wc_order_id: bool


def variation_key(variation_id: int) -> str:
    """Return the key under which a variation is mapped."""
    return f"variation:{variation_id}"


def product_key(product_id: int) -> str:
    """Return the key under which a product is mapped."""
    return f"product:{product_id}"


def sku_key(sku: str) -> str:
    """Return the key under which a SKU is mapped; WooCommerce compares SKUs without regard to case."""
    return f"sku:{sku.strip().casefold()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderProof:
    """What proves a work order to Panelr: its token, or its reference code with its customer's e-mail address.

    The token is used where both are known. Raises ValueError where neither is.
    """

    confirmation_token: str | None = field(default=None, repr=False)
    reference_code: str | None = None
    customer_email: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.confirmation_token and not (self.reference_code and self.customer_email):
            raise ValueError("a confirmation token is needed, or a reference code with an e-mail address")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPayment:
    """Money that Panelr has recorded for a work order; `at` None where it does not say when."""

    amount: Decimal
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderDetails:
    """A work order as get_work_order shows it; None is what cannot be read there. The history is whole."""

    status: str
    order_total: Decimal | None
    prev_paid: Decimal | None
    balance_due: Decimal | None
    payment_history: tuple[RecordedPayment, ...]
    currency: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLine:
    """One of a customer's lines as get_lines shows it; None is what it does not show."""

    activation_id: int
    status: str | None
    is_trial: bool | None
    plugin_id: int | None
    plugin_name: str | None
    product_name: str | None


@dataclass(frozen=True, slots=True)
class CustomerLines:
    """The lines of the customer with this e-mail address."""

    email: str = field(repr=False)
    lines: tuple[CustomerLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelrProduct:
    """A product that Panelr sells; None is what the list does not show."""

    id: int
    name: str
    alternate_name: str | None
    price: Decimal | None
    currency: str | None
    duration_months: int | None
    connections: int | None
    plugin_id: int | None
    is_trial: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelrPaymentMethod:
    """A way to pay that Panelr knows; `mode` is manual or automated, None is what the list does not show."""

    id: int
    name: str
    display_label: str | None
    mode: str | None
    processor: str | None


@dataclass(frozen=True, slots=True)
class CatalogueList(Generic[T]):
    """One of Panelr's lists as it was at `seen_at`."""

    items: tuple[T, ...]
    seen_at: datetime
