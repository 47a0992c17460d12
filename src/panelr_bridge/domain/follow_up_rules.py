"""The words of follow-up planning: the planned order, the state of its follow-ups, and what planning returns. Pure.

Each kind's own rule is in `application/follow_ups/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from panelr_bridge.domain.models import FollowUpKind, FreeOrders, OnPaid, PluginKeys, Reason, WorkOrderRequest
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.domain.relation import Relation
from panelr_bridge.woocommerce.order_payload import Order
from panelr_bridge.woocommerce.order_received import CheckoutPaths

COMPLETED, CANCELED = "completed", "canceled"
"""The statuses at the end of a work order. A completed one may still be canceled, or disputed."""
FIRST_POLL = timedelta(minutes=1)
"""How long after its creation a work order's status is first read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """What the operator set for a store: its address and checkout page, and what is written back to its orders.

    `source` is the address that the shop itself gave with the order, if it is needed.
    """

    url: str | None = None
    source: str | None = None
    checkout: CheckoutPaths = field(default_factory=CheckoutPaths)
    has_api: bool = False
    writes_back: bool = False
    with_token: bool = False
    plugin_keys: PluginKeys = PluginKeys.AUTO
    completes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpState:
    """The state of one follow-up: its content, and whether it is done, owed, or possibly sent.

    Follow-ups that the bridge could not do hold the reason code of the escalation under `cannot`.
    """

    content: Mapping[str, Any]
    done_at: datetime | None = None
    owed: bool = False
    sent: bool = False

    @property
    def cannot(self) -> str | None:
        """The reason code of its escalation; None if it was not escalated."""
        return self.content.get("cannot")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderToPlan:
    """An order whose follow-ups are planned: its latest snapshot, its store's options, its follow-ups so far."""

    order: Order
    now: datetime
    store: StoreOptions = StoreOptions()
    follow_ups: Mapping[FollowUpKind, FollowUpState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrder(OrderToPlan):
    """A held order.

    `lacks_lines` says that it waits for the customer's lines at Panelr, `lacks_refunds` that the shop's API could say
    which lines were refunded. `unknown_subscriptions` are those whose first order the shop must be asked for.
    """

    lacks_lines: bool
    lacks_refunds: bool = False
    unknown_subscriptions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedOrder(OrderToPlan):
    """An order with its work order.

    `request` created the work order; None if it was adopted, from Panelr's plugin (`by_plugin`) or after a lost answer.
    `by_person` says that a person linked the work order, which need not be the one of the request. `items_changed`: the
    order's items changed after its creation, and no person has acknowledged that.
    `omits_amounts`: Panelr gets no amounts of the order.
    `amount` is what the customer paid for Panelr's part by the latest snapshot; None if it is unknown. `on_paid` and
    `payment_method_id` come from the mapping of the order's current payment method; `method_adjusts` says whether
    Panelr adds a fee or a discount for it.
    """

    work_order: WorkOrder
    request: WorkOrderRequest | None
    created_at: datetime
    on_paid: OnPaid
    payment_method_id: int | None
    method_adjusts: bool = False
    amount: Decimal | None
    by_plugin: bool = False
    by_person: bool = False
    items_changed: bool = False
    has_email: bool = True
    omits_amounts: bool = False
    free_orders: FreeOrders = FreeOrders.REVIEW
    relation: Relation | None = None
    """What the order is to earlier ones."""

    @property
    def has_reported_amount(self) -> bool:
        """Whether Panelr has been given an amount that was paid, at the creation or by a payment."""
        payment = self.follow_ups.get(FollowUpKind.PAYMENT)
        has_none = payment is None or payment.content.get("is_free") or payment.content.get("omits_amounts")
        is_reported = payment is not None and payment.done_at is not None and not has_none
        return is_reported or (self.request is not None and self.request.payment_amount is not None)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The follow-up is owed from `due_at` on, with this content."""

    kind: FollowUpKind
    due_at: datetime
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cancel:
    """The follow-up is no longer called for."""

    kind: FollowUpKind


@dataclass(frozen=True, slots=True)
class Escalate:
    """The follow-up is called for, but the bridge cannot do it: the order needs attention."""

    kind: FollowUpKind
    reason: Reason


Step = Schedule | Cancel | Escalate


def first_planning(status: str | None, *, follows: bool, now: datetime) -> datetime | None:
    """Return when the follow-ups of a new work order are planned.

    At once if something may be due (`follows`), else with the first status poll; never if it is canceled.
    """
    if follows:
        return now
    return None if status == CANCELED else now + FIRST_POLL
