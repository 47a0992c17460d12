"""The admin API of the operators' actions on orders: retry, resolve, acknowledge, close, and the confirmation token."""

from fastapi import Response

from panelr_bridge import logs
from panelr_bridge.application import bulk_retry, operator_actions, resolve_order
from panelr_bridge.application.choose_activation import choose_activations
from panelr_bridge.application.container import BridgeContainer
from panelr_bridge.application.find_work_order import find_work_order
from panelr_bridge.domain.operator_input import AcknowledgeInput, CloseInput, ResolveInput
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.web import problems
from panelr_bridge.web.answers import SingleAnswer
from panelr_bridge.web.auth import ACTOR, admin_router
from panelr_bridge.web.bulk_retry_models import BulkRetryInput, BulkRetryOut
from panelr_bridge.web.dependencies import Container
from panelr_bridge.web.order_models import OrderStoryOut, TokenOut
from panelr_bridge.web.orders import read_story
from panelr_bridge.web.pagination import Id

router = admin_router("Orders")
log = logs.get(__name__)


@router.post("/orders/retry", responses=problems.documented(422), summary="Retry many orders")
async def retry_orders(container: Container, selection: BulkRetryInput) -> SingleAnswer[BulkRetryOut]:
    """Retry the orders in these states, the oldest first, each as by `retry`. One that fails stops no other.

    `retried` counts the orders by the state that they have since. The worker makes the calls, within the rate limit.
    If `left` is not 0, send the request again with `after_id` = `last_id`.
    """
    states = selection.state
    if selection.dry_run:
        counts = await bulk_retry.count_matching(container.database, states=states, store=selection.store)
        return SingleAnswer[BulkRetryOut](data=BulkRetryOut(matching=counts))
    result = await bulk_retry.retry_many(
        container.database,
        container.bridge.write,
        states=states,
        store=selection.store,
        limit=selection.limit,
        after_id=selection.after_id,
        policy=container.bridge.policy,
        actor=ACTOR,
    )
    log.info("operator.acted", action="retry", orders=sum(result.retried.values()), skipped=len(result.skipped))
    container.bridge.wake_worker.set()
    return SingleAnswer[BulkRetryOut](data=BulkRetryOut.of(result))


@router.post("/orders/{order_id}/retry", responses=problems.documented(404, 409), summary="Retry an order")
async def retry_order(container: Container, order_id: Id) -> SingleAnswer[OrderStoryOut]:
    """Decide the order again and make its call due now. An unconfirmed order is looked up.

    Decides by the order's latest snapshot and the current mappings. Never creates a second work order.
    """
    await container.bridge.write(operator_actions.retry, order_id, policy=container.bridge.policy, actor=ACTOR)
    return await _acted_on(container, order_id, "retry")


@router.post(
    "/orders/{order_id}/resolve",
    responses=problems.documented(404, 409, 422, 503),
    summary="Link an order to its work order",
)
async def resolve_order_by_hand(
    container: Container, order_id: Id, resolution: ResolveInput
) -> SingleAnswer[OrderStoryOut]:
    """Link an unconfirmed order to its work order in Panelr, or state that Panelr has none: then it is sent again.

    The bridge asks Panelr for the work order with the customer's e-mail address. 409: it is not this order's. 503:
    Panelr cannot be asked now, and nothing was changed. `reasons` of the answer say what Panelr shows and what differs.
    An order that a person or a look-up linked can be resolved again. With `activation_id`, a held renewal gets the line
    that it is for.
    """
    bridge, actor = container.bridge, ACTOR
    if resolution.activations:
        chosen = resolution.activations
        await bridge.write(choose_activations, order_id, chosen, policy=bridge.policy, actor=actor)
        return await _acted_on(container, order_id, "resolve")
    if resolution.not_created:
        await bridge.write(resolve_order.confirm_not_created, order_id, actor=actor)
        return await _acted_on(container, order_id, "resolve")
    work_order = WorkOrder(work_order_id=resolution.work_order_id, reference_code=resolution.reference_code)
    verified = None
    if not resolution.unverified:
        verified = await find_work_order(bridge, order_id, work_order, call_policy=bridge.call_policy)
        work_order = verified.work_order
    await bridge.write(resolve_order.link_work_order, order_id, work_order, actor=actor, verified=verified)
    return await _acted_on(container, order_id, "resolve")


@router.post(
    "/orders/{order_id}/acknowledge",
    responses=problems.documented(404, 409, 422),
    summary="Acknowledge an order's attention",
)
async def acknowledge_order(
    container: Container, order_id: Id, acknowledgement: AcknowledgeInput
) -> SingleAnswer[OrderStoryOut]:
    """Move the order's attention to `acknowledged`, with who, when and the note. The audit log keeps it, too.

    The same reason is not raised again. A reason with other words, such as another amount, is.
    """
    await container.bridge.write(
        operator_actions.acknowledge,
        order_id,
        note=acknowledgement.note,
        codes=acknowledgement.codes,
        actor=ACTOR,
    )
    return await _acted_on(container, order_id, "acknowledge")


@router.post("/orders/{order_id}/close", responses=problems.documented(404, 409, 422), summary="Close an order")
async def close_order(
    container: Container, order_id: Id, closing: CloseInput | None = None
) -> SingleAnswer[OrderStoryOut]:
    """Close an order, so that it never reaches Panelr. The audit log keeps the reason.

    A closed order stays closed until it is retried.
    """
    why = (closing or CloseInput()).why
    await container.bridge.write(operator_actions.close, order_id, why=why, actor=ACTOR)
    return await _acted_on(container, order_id, "close")


@router.get(
    "/orders/{order_id}/confirmation-token",
    responses=problems.documented(404),
    summary="Get a confirmation token",
)
async def get_confirmation_token(container: Container, order_id: Id, response: Response) -> SingleAnswer[TokenOut]:
    """Return the confirmation token of the order's work order. Every request is written to the audit log."""
    token = await container.bridge.write(operator_actions.confirmation_token, order_id, actor=ACTOR)
    log.info("operator.acted", action="confirmation_token", order=order_id)
    response.headers["Cache-Control"] = "no-store"
    return SingleAnswer[TokenOut](data=TokenOut(confirmation_token=token))


async def _acted_on(container: BridgeContainer, order_id: int, action: str) -> SingleAnswer[OrderStoryOut]:
    """Log the action, wake the worker, and return the order as it is now."""
    log.info("operator.acted", action=action, order=order_id)
    container.bridge.wake_worker.set()
    return await read_story(container, order_id)
