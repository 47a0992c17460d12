"""Deliveries as the admin API answers them."""

from pydantic import BaseModel, Field

from panelr_bridge.domain.models import OrderState
from panelr_bridge.web.answers import Time


class ResolutionOut(BaseModel):
    """What made up for an unread delivery."""

    by: str = Field(description="Who resolved it: the bridge, or an operator.", examples=["the bridge"])
    at: Time = Field(description="When.")
    note: str = Field(
        description="A later delivery that was read, or the operator's words.",
        examples=["delivery 7 of the same order was read later"],
    )


class DeliveryOut(BaseModel):
    """An authentic delivery, without its body."""

    id: int = Field(description="The delivery's id in this API.", examples=[1])
    store: str = Field(description="Name of the store.", examples=["default"])
    topic: str = Field(description="The delivery's X-WC-Webhook-Topic.", examples=["order.updated"])
    verdict: str = Field(
        description=(
            "What the body is: order, deleted, subscription, other_topic, woocommerce_error, unreadable or failed; "
            "another_order or other_source if another shop sent it."
        ),
        examples=["order"],
    )
    words: str | None = Field(
        description="More about the verdict. Null for an order.", examples=[None, "the body is JSON, but no object"]
    )
    woo_order_id: int | None = Field(description="WooCommerce's id of the order in the body.", examples=[20])
    times: int = Field(description="How often the same bytes came under this topic.", examples=[1])
    headers: dict[str, str] = Field(
        description="The headers that were stored.", examples=[{"user-agent": "WooCommerce/10.3.5 Hookshot"}]
    )
    received_at: Time = Field(description="When the delivery first came.")
    last_received_at: Time = Field(description="When the delivery last came.")
    unresolved_since: Time | None = Field(
        description="Since when the delivery has been unread: it brought no order. Null if it is read or resolved."
    )
    resolution: ResolutionOut | None = Field(description="Who resolved the delivery when it was last unread.")


class DeliveryWithBodyOut(DeliveryOut):
    """An authentic delivery with its body."""

    body_base64: str = Field(
        description="The body as it came, in Base64. It holds the customer's data.", examples=["eyJpZCI6IDIwfQ=="]
    )


class DeliveryResultOut(BaseModel):
    """The result of a delivery: the state of its order."""

    order_id: int | None = Field(description="WooCommerce's order id.", examples=[123])
    state: OrderState | None = Field(
        description="The order's state. Null if the delivery is about no order.", examples=["created"]
    )
    work_order_id: int | None = Field(description="Panelr's id of the work order.", examples=[7])
    reference_code: str | None = Field(description="Reference code of the work order.", examples=["WO-2026-00007"])
    reason: str | None = Field(
        description="Why there is no work order yet. Null if there is nothing to explain.",
        examples=[None, "no mapping for product 12, SKU PANEL-1000: add one"],
    )


class ReplayedDeliveryOut(DeliveryOut):
    """A delivery after its replay."""

    outcome: DeliveryResultOut = Field(description="What the replay led to.")
