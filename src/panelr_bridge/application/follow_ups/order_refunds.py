"""Follow-up `refunds`: ask the shop which lines were refunded, for an order that has no work order yet."""

from datetime import timedelta

from panelr_bridge.application.follow_ups import shop_pauses
from panelr_bridge.application.follow_ups.exchange import PAUSED, ask_shop_unless_paused
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpSpec,
    FollowUpTask,
)
from panelr_bridge.domain.call_outcome import Done, Refused
from panelr_bridge.domain.follow_up_rules import Cancel, HeldOrder, Schedule, Step
from panelr_bridge.domain.models import FollowUpKind, Reason
from panelr_bridge.domain.refunds import refund_ids
from panelr_bridge.errors import UnreadableBody
from panelr_bridge.woocommerce.refund_payload import read_refunds

ACTION = "list_refunds"
READ_TIMEOUT = timedelta(seconds=60)
LEASE_MARGIN = timedelta(seconds=10)
ATTENTION_CODES = frozenset({"refunds_not_read"})


def plan(held: HeldOrder) -> Step | None:
    """Schedule asking for the refunds that the order lists now, if the store has an API."""
    if not held.lacks_refunds or not held.store.has_api:
        return Cancel(FollowUpKind.REFUNDS) if _is_owed(held) else None
    content = {"ids": sorted(refund_ids(held.order))}
    state = held.follow_ups.get(FollowUpKind.REFUNDS)
    if state is not None and state.owed and state.content == content:
        return None
    return Schedule(FollowUpKind.REFUNDS, held.now, content)


def _is_owed(held: HeldOrder) -> bool:
    state = held.follow_ups.get(FollowUpKind.REFUNDS)
    return state is not None and state.owed


async def carry_out(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    """Read the refunds; the order is evaluated again with them."""
    exchange = await ask_shop_unless_paused(
        context, task, lambda client: client.list_refunds(task.woo_order_id), action=ACTION, limit=READ_TIMEOUT
    )
    outcome = exchange.outcome
    if outcome is PAUSED:
        uncounted = {"attempt": task.attempt - 1}
        return exchange.postpone(shop_pauses.PAUSE, PAUSED.words, changes=uncounted, is_attempt=False)
    if isinstance(outcome, Refused):
        words = f"the shop does not show the order's refunds: {outcome.words}"
        return exchange.result(words, attention=Reason("refunds_not_read", words))
    if not isinstance(outcome, Done):
        return exchange.retry(context.call_policy)
    try:
        refunds = read_refunds(outcome.data, ids=task.content["ids"])
    except UnreadableBody as error:
        words = f"the shop's answer is not understood: {error}"
        return exchange.result(words, attention=Reason("refunds_not_read", words))
    return exchange.result(
        f"the shop shows {len(outcome.data)} refunds of {refunds.total} in all",
        done=True,
        order={"shop_refunds": refunds.as_json()},
        reevaluate=True,
        settles=ATTENTION_CODES,
    )


SPEC = FollowUpSpec(
    kind=FollowUpKind.REFUNDS,
    plans_for=HeldOrder,
    plan=plan,
    carry_out=carry_out,
    calls_panelr=False,
    lease=READ_TIMEOUT + LEASE_MARGIN,
    gave_up=Reason("refunds_not_read", "the shop could not be asked for the order's refunds"),
    attention_codes=ATTENTION_CODES,
)
