"""Follow-up `activations`: find out which lines a work order brought, where get_work_order does not show it.

Panelr's list of the customer's work orders shows their lines. If it does not, the customer's lines may help: if as many
of them are new as the order has items, they are the order's. It is remembered that the first list does not help, so
that an order costs one call.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from panelr_bridge.application.follow_ups.exchange import FollowUpExchange, ask_panelr
from panelr_bridge.application.follow_ups.specification import (
    FollowUpContext,
    FollowUpResult,
    FollowUpSpec,
    FollowUpTask,
)
from panelr_bridge.application.follow_ups.status_poll import list_activations
from panelr_bridge.application.transactions.continuation import SHOWN
from panelr_bridge.domain.activation_match import TRIAL_ACTIVE
from panelr_bridge.domain.call_outcome import Done, Refused, Unknown
from panelr_bridge.domain.follow_up_rules import COMPLETED, CreatedOrder, Schedule, Step
from panelr_bridge.domain.history import Activation
from panelr_bridge.domain.models import FollowUpKind, ItemIntent, Reason, WorkOrderRequest
from panelr_bridge.domain.panelr_values import CustomerLine, ListedWorkOrder
from panelr_bridge.panelr import request
from panelr_bridge.panelr.customer_lines import customer_lines
from panelr_bridge.panelr.response import listed_work_orders
from panelr_bridge.store import panelr_facts, subscriptions

LISTS_NONE = "lists_no_activations"
"""The fact that this Panelr's list of work orders is missing, or shows no lines."""
ASKED_AGAIN = timedelta(days=7)
"""How long that fact holds: Panelr may be updated."""
UNKNOWN_ACTION = 404
NEW_STATUSES = frozenset({None, "active", TRIAL_ACTIVE})
"""The statuses of a line that was set up a moment ago."""


def plan(created: CreatedOrder) -> Step | None:
    """Schedule the question once a poll has seen the completed work order without its lines."""
    poll = created.follow_ups.get(FollowUpKind.STATUS)
    is_shown = poll is None or poll.content.get(SHOWN) != []
    if is_shown or created.work_order.status != COMPLETED or FollowUpKind.ACTIVATIONS in created.follow_ups:
        return None
    if not created.has_email:
        return None
    if created.request is None or created.by_person:  # its items are not known
        return Schedule(FollowUpKind.ACTIVATIONS, created.now, {})
    content = _describe(created.request)
    return Schedule(FollowUpKind.ACTIVATIONS, created.now, content) if content["products"] else None


def _describe(sent: WorkOrderRequest) -> dict[str, Any]:
    """Return the new items' products, whether each brings one line, and the lines that the request names."""
    new = [item for item in sent.items if item.intent is ItemIntent.NEW_ACTIVATION]
    return {
        "products": [item.product_id for item in new],
        "is_one_each": all(item.qty == 1 for item in new),
        "named": [each.id for each in request.activations_in(sent)],
    }


async def carry_out(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    """Ask for the customer's work orders; if they cannot say, for the customer's lines."""
    if task.content.get("by_lines") or await context.caller.database.read(_lists_none, now=task.claimed_at):
        return await _ask_for_lines(task, context)
    exchange = await ask_panelr(context, task, request.get_work_orders(customer_email=task.email or ""))
    if isinstance(exchange.outcome, Refused):
        if _is_unknown_action(exchange.outcome):  # another refusal is about this customer alone
            await context.caller.write(_note_lists_none)
        return _go_on(exchange, f"Panelr lists no work orders of this customer: {exchange.outcome.words}")
    if not isinstance(exchange.outcome, Done):
        return exchange.retry(context.call_policy)
    listed = listed_work_orders(exchange.outcome)
    if isinstance(listed, Unknown):
        return exchange.retry(context.call_policy, outcome=listed)
    own = next((each for each in listed if each.work_order.reference_code == task.work_order.reference_code), None)
    if own is None:
        return _go_on(exchange, "Panelr's list does not show the work order")
    if own.activation_ids is None:
        await context.caller.write(_note_lists_none)
        return _go_on(exchange, "Panelr's list does not show the work order's lines")
    return _keep(exchange, _new_lines(own, task))


def _is_unknown_action(outcome: Refused) -> bool:
    return outcome.status == UNKNOWN_ACTION and "action" in outcome.words.casefold()


def _new_lines(own: ListedWorkOrder, task: FollowUpTask) -> tuple[Activation, ...]:
    """Return the lines that a listed work order brought; none if it lacks a line, since one could be taken for another.

    A line's product is certain only if all new ones have the same.
    """
    named = set(task.content.get("named", ()))
    shown = [number for number in own.activation_ids or () if number not in named]
    if len(shown) + len(named) < len(own.items):
        return ()
    return _with_product(shown, task.content.get("products", ()))


def _go_on(exchange: FollowUpExchange, words: str) -> FollowUpResult:
    """Ask for the customer's lines, by a call with a slot of its own."""
    content = exchange.task.content | {"by_lines": True}
    return exchange.result(words, due_at=exchange.now, changes={"attempt": 0, "told": content})


async def _ask_for_lines(task: FollowUpTask, context: FollowUpContext) -> FollowUpResult:
    exchange = await ask_panelr(context, task, request.get_lines(customer_email=task.email or ""))
    if isinstance(exchange.outcome, Refused):
        words = f"Panelr shows no lines of this customer: {exchange.outcome.words}"
        return exchange.result(words, done=True)
    if not isinstance(exchange.outcome, Done):
        return exchange.retry(context.call_policy)
    lines = customer_lines(exchange.outcome)
    if isinstance(lines, Unknown):
        return exchange.retry(context.call_policy, outcome=lines)
    ids = [line.activation_id for line in lines if _may_be_new(line)]
    known = await context.caller.database.read(subscriptions.other_orders_activations, ids, besides=task.order_id)
    new = [number for number in ids if number not in known | set(task.content.get("named", ()))]
    products = task.content.get("products", ())
    is_certain = task.content.get("is_one_each") and len(new) == len(products)
    return _keep(exchange, _with_product(new, products) if is_certain else ())


def _may_be_new(line: CustomerLine) -> bool:
    return line.status in NEW_STATUSES


def _with_product(ids: Collection[int], products: Collection[int]) -> tuple[Activation, ...]:
    same = next(iter(products)) if len(set(products)) == 1 else None
    return tuple(Activation(number, same) for number in ids)


def _keep(exchange: FollowUpExchange, brought: tuple[Activation, ...]) -> FollowUpResult:
    words = "Panelr does not show for certain which lines it brought"
    if brought:
        words = f"it brought {list_activations(brought)}"
    return exchange.result(words, done=True, activations=brought)


def _lists_none(connection: Connection, *, now: datetime) -> bool:
    found = panelr_facts.get(connection, LISTS_NONE)
    return found is not None and now - found[1] < ASKED_AGAIN


def _note_lists_none(connection: Connection, now: datetime) -> None:
    panelr_facts.save(connection, LISTS_NONE, "yes", now=now)


SPEC = FollowUpSpec(
    kind=FollowUpKind.ACTIVATIONS,
    plans_for=CreatedOrder,
    plan=plan,
    carry_out=carry_out,
    yields_to_orders=True,
    gave_up=Reason("activations_not_told", "Panelr could not be asked which lines the work order brought"),
    attention_codes=frozenset({"activations_not_told"}),
)
