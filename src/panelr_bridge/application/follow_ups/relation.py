"""Follow-up `relation`: ask the shop for the orders of a renewal's subscription, which begin with its first order."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from panelr_bridge.application.follow_ups.exchange import PAUSED, FollowUpExchange, ask_shop_unless_paused
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpSpec,
    FollowUpTask,
    ShopOrders,
)
from panelr_bridge.domain.call_outcome import Done, NotSent, Unknown
from panelr_bridge.domain.follow_up_rules import Cancel, HeldOrder, Schedule, Step
from panelr_bridge.domain.models import FollowUpKind, Reason
from panelr_bridge.domain.relation import RelationKind
from panelr_bridge.store.subscriptions import SubscriptionOrder

ACTION = "find_first_order"
ASK_TIMEOUT = timedelta(seconds=30)
"""The longest time for one task: a read, and its repetitions."""
LEASE_MARGIN = timedelta(seconds=30)
ASKS_FOR = timedelta(hours=1)
"""How long a shop is asked whose API fails. Then the renewal goes on with the customer's lines."""
MOST_SUBSCRIPTIONS = 5
KINDS: Mapping[str, RelationKind] = {
    "parent_order": RelationKind.FIRST,
    "renewal_order": RelationKind.RENEWAL,
    "switch_order": RelationKind.SWITCH,
    "resubscribe_order": RelationKind.RESUBSCRIPTION,
}
"""What WooCommerce Subscriptions calls an order of a subscription, and what it is to the bridge."""


def plan(held: HeldOrder) -> Step | None:
    """Schedule the question for the subscriptions whose first order is not known."""
    state = held.follow_ups.get(FollowUpKind.RELATION)
    is_owed = state is not None and state.owed
    if not held.unknown_subscriptions:
        return Cancel(FollowUpKind.RELATION) if is_owed else None
    if is_owed:
        return None
    subscriptions = list(held.unknown_subscriptions[:MOST_SUBSCRIPTIONS])
    return Schedule(FollowUpKind.RELATION, held.now, {"subscriptions": subscriptions})


async def carry_out(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    """Ask the shop for the orders of the subscriptions; the order is evaluated again with them.

    A shop that cannot answer, or whose API fails for an hour, is not asked again.
    """
    found: list[SubscriptionOrder] = []
    exchange = await ask_shop_unless_paused(
        context, task, lambda client: _read(client, task, found), action=ACTION, limit=ASK_TIMEOUT
    )
    deadline = task.owed_since + ASKS_FOR
    if isinstance(exchange.outcome, (Unknown, NotSent)) and exchange.now < deadline:
        retry = exchange.retry(context.call_policy, is_attempt=exchange.outcome is not PAUSED)
        return replace(retry, due_at=min(retry.due_at or deadline, deadline), gave_up=False)
    return exchange.result(_describe(exchange, found), done=True, related_orders=tuple(found), reevaluate=True)


async def _read(client: ShopOrders, task: FollowUpTask, found: list[SubscriptionOrder]) -> None:
    """Append to `found` what the shop knows of each subscription."""
    for subscription_id in task.content["subscriptions"]:
        for order_id, order_type in await client.list_subscription_orders(subscription_id):
            if order_type in KINDS:
                found.append(SubscriptionOrder(subscription_id, order_id, KINDS[order_type]))


def _describe(exchange: FollowUpExchange, found: list[SubscriptionOrder]) -> str:
    names = ", ".join(map(str, exchange.task.content["subscriptions"]))
    if not isinstance(exchange.outcome, Done):
        return f"the shop does not name the first order of subscription {names}: {exchange.outcome.words}"
    first = ", ".join(str(each.woo_order_id) for each in found if each.kind is RelationKind.FIRST)
    return (
        f"the first order of subscription {names} is {first}" if first else f"subscription {names} has no first order"
    )


SPEC = FollowUpSpec(
    kind=FollowUpKind.RELATION,
    plans_for=HeldOrder,
    plan=plan,
    carry_out=carry_out,
    calls_panelr=False,
    lease=ASK_TIMEOUT + LEASE_MARGIN,
    gave_up=Reason("first_order_not_found", "the shop could not be asked for the subscription's first order"),
    attention_codes=frozenset({"first_order_not_found"}),
)
