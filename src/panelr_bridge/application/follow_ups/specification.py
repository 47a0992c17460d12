"""The specification of a follow-up kind: its planning, its task, what may be repeated, and when it gives up."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from panelr_bridge.application.follow_ups.shop_pauses import ShopPauses
from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.domain.call_outcome import Outcome
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.follow_up_rules import OrderToPlan, Step
from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.models import FollowUpKind, Reason
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.store.rate_limit import RateSlot
from panelr_bridge.store.subscriptions import SubscriptionOrder
from panelr_bridge.store.tables import Columns
from panelr_bridge.woocommerce.rest.subscription_orders import SubscriptionLink

P = TypeVar("P", bound=OrderToPlan)


class ShopOrders(Protocol):
    """The part of a store's API that follow-ups use. Its methods raise ShopError."""

    async def update_order(self, order_id: int, changes: dict[str, Any]) -> dict[str, Any]:
        """Change an order; if a change may already have been saved, check before repeating it."""

    async def add_note(self, order_id: int, *, note: str) -> None:
        """Add a private note; raises ShopUnsupported if this kind of API has no notes."""

    async def has_note(self, order_id: int, *, note: str) -> bool:
        """Return whether the order has exactly this note; raises ShopUnsupported like `add_note`."""

    async def list_refunds(self, order_id: int) -> tuple[dict[str, Any], ...]:
        """Return the order's refunds in the form of wc/v3; raises ShopUnsupported if the key does not open that."""

    async def list_subscription_orders(self, subscription_id: int) -> list[SubscriptionLink]:
        """Return the orders of a subscription, each with what it is to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpContext:
    """What carrying out a follow-up may use: Panelr, the stores' APIs by the stores' names, and the call policy."""

    caller: PanelrCaller
    clients: Mapping[str, ShopOrders]
    call_policy: CallPolicy
    pauses: ShopPauses = field(default_factory=ShopPauses)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpTask:
    """A claimed follow-up. Its holder carries it out now; if it records no result, the lease ends.

    `sent_at` is the time of an earlier call whose outcome is unknown and that must not be repeated. `empty_since` is
    the time of the first look-up that found no trace of that call.
    """

    order_id: int
    store: str
    woo_order_id: int
    kind: FollowUpKind
    attempt: int
    content: dict[str, Any]
    sent_at: datetime | None
    empty_since: datetime | None
    owed_since: datetime
    claimed_at: datetime
    lease_until: datetime
    slot: RateSlot | None
    work_order: WorkOrder
    adopted: bool
    email: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpResult:
    """The result of a task. It is `done`, due again at `due_at`, or an operator's, with `attention` or `gave_up`.

    `changes` are columns of the follow-up, `order` columns of its order. `reevaluate` evaluates the order again with
    them. `related_orders` are those of its subscriptions, None if the shop was not asked for them; `activations` are
    lines that the order's work order brought. `settles` are attention codes that no longer hold. `is_attempt` says
    whether the attempt gets a row. With `waits_for_outage`, the end of an outage makes it due.
    """

    action: str
    outcome: Outcome
    words: str
    started_at: datetime
    milliseconds: int
    done: bool = False
    due_at: datetime | None = None
    gave_up: bool = False
    attention: Reason | None = None
    changes: Columns = field(default_factory=dict)
    order: Columns = field(default_factory=dict)
    reevaluate: bool = False
    related_orders: tuple[SubscriptionOrder, ...] | None = None
    activations: tuple[Activation, ...] = ()
    settles: frozenset[str] = frozenset()
    is_attempt: bool = True
    waits_for_outage: bool = False


class LostAnswer(Enum):
    """What follows when the outcome of a call is unknown because its process ended or its answer was lost."""

    REPEAT = "the call changes nothing when it is repeated"
    LOOK_UP = "a look-up finds out whether the call had an effect"
    ASK_OPERATOR = "nothing can find out, so an operator decides"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpSpec(Generic[P]):
    """One follow-up kind.

    `plan` is pure: it returns what an order calls for now, None for no change. It is called for orders of the class
    `plans_for`, without escalated follow-ups. `gave_up` is the attention after seven days, `lost` the attention of an
    unknown outcome that an operator must settle. `attention_codes` are the reason codes that a retry clears.
    A kind that `calls_panelr` takes a slot. One that `yields_to_orders` waits while an owed call is due.
    `lease` is the longest time for one task; None stands for two calls to Panelr.
    """

    kind: FollowUpKind
    plans_for: type[P]
    plan: Callable[[P], Step | None]
    carry_out: Callable[[FollowUpTask, FollowUpContext], Awaitable[FollowUpResult]]
    gave_up: Reason
    attention_codes: frozenset[str]
    after_lost_answer: LostAnswer = LostAnswer.REPEAT
    lost: Reason | None = None
    calls_panelr: bool = True
    yields_to_orders: bool = False
    lease: timedelta | None = None

    def lease_for(self, call_policy: CallPolicy) -> timedelta:
        """Return how long a claim of a task lasts."""
        return 2 * call_policy.lease if self.lease is None else self.lease
