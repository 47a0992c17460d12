"""Ask Panelr about a work order that an operator names, before the order is linked to it."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.application.panelr_caller import PanelrCaller
from panelr_bridge.application.resolve_order import OVERRIDE, VerifiedLink, require_free, require_linkable
from panelr_bridge.application.transactions import rate_gate
from panelr_bridge.application.transactions.attempts import attempt_row
from panelr_bridge.application.transactions.evaluate_order import latest_snapshot
from panelr_bridge.domain.call_outcome import Done, Outcome, Refused, Unknown
from panelr_bridge.domain.call_policy import CallPolicy
from panelr_bridge.domain.customer_email import find_email
from panelr_bridge.domain.models import WorkOrderRequest
from panelr_bridge.domain.panelr_values import ListedWorkOrder, PanelrProduct, ProductNames, WorkOrder
from panelr_bridge.errors import Conflict, NotFound, UpstreamUnavailable
from panelr_bridge.panelr import link_check, request, response
from panelr_bridge.panelr.product_names import products_by_name
from panelr_bridge.panelr.request import PanelrRequest
from panelr_bridge.store import catalogue, orders
from panelr_bridge.store.rate_limit import RateSlot
from panelr_bridge.store.rows import ShownOrderRow

ACTION = "verify_link"
"""The name of these calls among an order's attempts."""
FORBIDDEN = 403
"""Panelr's status for a reference code and an e-mail address that do not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _OrderToLink:
    """What the work order is compared with. `own_ids` are the names under which Panelr may know the order."""

    row: ShownOrderRow
    email: str = field(repr=False)
    own_ids: frozenset[str]
    request: WorkOrderRequest | None
    is_paid: bool
    products: ProductNames


@dataclass(frozen=True, slots=True, kw_only=True)
class _MadeCall:
    """A call to Panelr with its slot of the rate limit, taken at `claimed_at`."""

    slot: RateSlot
    outcome: Outcome
    claimed_at: datetime
    started_at: datetime
    milliseconds: int


async def find_work_order(
    caller: PanelrCaller, order_id: int, named: WorkOrder, *, call_policy: CallPolicy
) -> VerifiedLink:
    """Ask Panelr for the work order that an operator names for an order, by its reference code or its id alone.

    Raises NotFound and Conflict if it cannot be this order's, and UpstreamUnavailable if Panelr cannot be asked now.
    Nothing is changed but the order's attempts.
    """
    order = await caller.database.read(_read_order, order_id, named)
    inquiry = _Inquiry(caller, order, call_policy)
    code = named.reference_code or await inquiry.find_reference_code(named.work_order_id)
    shown = await inquiry.show(code)
    _require_same(shown.work_order, replace(named, reference_code=code))
    other = link_check.find_other_order(shown, order.own_ids)
    if other is not None:
        words = f"the work order {code} is for order {other} of the shop, not for {order.row['woo_order_number']}"
        raise Conflict(f"{words}. Check the reference code; {OVERRIDE}")
    words = link_check.describe(
        shown,
        request=order.request,
        products=order.products,
        woo_total=order.row["woo_total"],
        is_paid=order.is_paid,
    )
    return VerifiedLink(
        work_order=replace(shown.work_order, work_order_id=shown.work_order.work_order_id or named.work_order_id),
        words=words,
        state=order.row["state"],
        reference_code=order.row["reference_code"],
    )


class _Inquiry:
    """The calls to Panelr about one order."""

    def __init__(self, caller: PanelrCaller, order: _OrderToLink, call_policy: CallPolicy) -> None:
        self._caller = caller
        self._order = order
        self._call_policy = call_policy

    async def find_reference_code(self, work_order_id: int | None) -> str:
        """Return a work order's reference code by the customer's list; raises Conflict if the list lacks its id."""
        outcome = await self._ask(request.get_work_orders(customer_email=self._order.email))
        listed = response.listed_work_orders(outcome) if isinstance(outcome, Done) else outcome
        if not isinstance(listed, tuple | Refused):
            raise _unavailable(listed)
        entries = listed if isinstance(listed, tuple) else ()
        for entry in entries:
            if entry.work_order.work_order_id == work_order_id and entry.work_order.reference_code is not None:
                return entry.work_order.reference_code
        words = f"the work order {work_order_id} is not found in Panelr's list of this customer's work orders by its id"
        raise Conflict(f"{words}: give its reference code, such as WO-2026-00007, too")

    async def show(self, reference_code: str) -> ListedWorkOrder:
        """Return the work order with this reference code; raises Conflict if Panelr does not show it."""
        call = request.get_work_order(reference_code=reference_code, customer_email=self._order.email)
        outcome = await self._ask(call)
        if isinstance(outcome, Refused) or outcome.status == FORBIDDEN:
            words = f"the work order {reference_code} is not shown by Panelr for this customer's e-mail address"
            advice = "Check the reference code. Panelr may know the customer by another address"
            raise Conflict(f"{words} ({outcome.words}). {advice}: then {OVERRIDE}")
        shown = response.shown_work_order(outcome) if isinstance(outcome, Done) else outcome
        if not isinstance(shown, ListedWorkOrder):
            raise _unavailable(shown)
        return shown

    async def _ask(self, call: PanelrRequest) -> Outcome:
        """Make a call with a slot of the rate limit, and record it; raises UpstreamUnavailable if no slot is free."""
        claimed_at = self._caller.clock()
        slot = await self._caller.write(rate_gate.take_slot, call_policy=self._call_policy)
        if slot is None:
            raise _unavailable(Unknown(words="its rate limit has no free slot, or all calls pause"))
        outcome, started_at, milliseconds = await self._caller.ask(call, claimed_at=claimed_at)
        made = _MadeCall(
            slot=slot, outcome=outcome, claimed_at=claimed_at, started_at=started_at, milliseconds=milliseconds
        )
        await self._caller.persist(_record_call, self._order.row["id"], made)
        return outcome


def _read_order(connection: Connection, order_id: int, named: WorkOrder) -> _OrderToLink:
    """Return an order that may be linked; raises NotFound and Conflict before Panelr is asked in vain."""
    row = orders.get(connection, order_id)
    if row is None:
        raise NotFound(f"there is no order with the bridge's id {order_id}")
    require_linkable(row, verified=True)
    require_free(connection, named, order_id)
    order = latest_snapshot(connection, row)
    sent = None if row["request"] is None else request.load(row["request"])
    email = sent.customer_email if sent else order and find_email(order)
    if not email:
        raise Conflict(f"the order is without an e-mail address, and Panelr is asked by it: {OVERRIDE}")
    names = {str(row["woo_order_id"]), row["woo_order_number"], sent and sent.wc_order_id, order and order.order_key}
    return _OrderToLink(
        row=row,
        email=email,
        own_ids=frozenset(name for name in names if name),
        request=sent,
        is_paid=order is not None and order.is_paid,
        products=_read_products(connection),
    )


def _read_products(connection: Connection) -> ProductNames:
    """Return the ids of Panelr's products by name, as the stored catalogue has them."""
    stored = catalogue.get(connection, PanelrProduct)
    return products_by_name(stored.items if stored else ())


def _require_same(shown: WorkOrder, named: WorkOrder) -> None:
    """Raise Conflict if Panelr shows another work order than the operator named."""
    numbers = {shown.work_order_id, named.work_order_id} - {None}
    if len(numbers) > 1 or (shown.reference_code or "").casefold() != (named.reference_code or "").casefold():
        words = (
            f"the work order {named.reference_code} is {shown.reference_code}, number {shown.work_order_id}, in Panelr"
        )
        raise Conflict(f"{words}: correct work_order_id or reference_code")


def _record_call(
    connection: Connection,
    now: datetime,
    order_id: int,
    made: _MadeCall,
) -> None:
    """Record an operator's call among the order's attempts, and update its slot."""
    orders.lock_by_id(connection, order_id)
    before = [each for each in orders.list_attempts(connection, order_id) if each["action"] == ACTION]
    rate_gate.record_call(connection, now, made.slot, claimed_at=made.claimed_at)
    attempt = attempt_row(
        order_id=order_id,
        action=ACTION,
        number=len(before) + 1,
        outcome=made.outcome,
        started_at=made.started_at,
        milliseconds=made.milliseconds,
        now=now,
    )
    orders.add_attempt(connection, attempt)


def _unavailable(outcome: Outcome) -> UpstreamUnavailable:
    words = f"Panelr could not be asked for the work order: {outcome.words}"
    return UpstreamUnavailable(f"{words}. Nothing was changed: try again later, or {OVERRIDE}")
