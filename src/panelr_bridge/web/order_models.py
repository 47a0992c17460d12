"""Orders as the admin API answers them."""

from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from panelr_bridge.application.order_queries import OrderStory
from panelr_bridge.domain.models import CallAction, FollowUpKind, OrderState
from panelr_bridge.domain.relation import RelationKind
from panelr_bridge.web.answers import TIME_EXAMPLE, Amount, Time, is_none
from panelr_bridge.web.delivery_models import DeliveryOut


class ReasonOut(BaseModel):
    """Why an order is in its state, or why an operator must look at it."""

    code: str = Field(description="Stable code. docs/states.md lists all codes.", examples=["unmapped_product"])
    words: str = Field(
        description="What is wrong and what to do.", examples=["no mapping for product 12, SKU PANEL-1000: add one"]
    )
    line: str | None = Field(
        None,
        description="Name of the order's line. Left out if the reason is not about one line.",
        examples=["Panel Credits 1000"],
        exclude_if=is_none,
    )


class AcknowledgedOut(ReasonOut):
    """Attention that an operator has acknowledged. The same reason is not raised again."""

    by: str = Field(description="Who acknowledged it, as in the audit log.", examples=["admin"])
    at: Time = Field(description="When.")
    note: str = Field(description="The operator's words.", examples=["the customer got a voucher"])


class OrderOut(BaseModel):
    """An order."""

    id: int = Field(description="The order's id in this API.", examples=[1])
    store: str = Field(description="Name of the store.", examples=["default"])
    woo_order_id: int = Field(description="WooCommerce's order id.", examples=[20])
    woo_order_number: str = Field(description="Order number that WooCommerce shows to people.", examples=["20"])
    woo_status: str = Field(description="WooCommerce's order status.", examples=["processing"])
    woo_total: Amount | None = Field(description="The order's total.")
    woo_currency: str | None = Field(description="Currency of the total.", examples=["USD"])
    woo_modified_at: Time | None = Field(description="When WooCommerce last changed the order.")
    state: OrderState = Field(
        description="The order's state. docs/states.md describes all states.", examples=["created"]
    )
    reasons: list[ReasonOut] = Field(description="Why the order is in this state.", examples=[[]])
    attention: Annotated[list[ReasonOut], BeforeValidator(lambda reasons: reasons or [])] = Field(
        description="Why an operator must look at the order. Empty if none must.", examples=[[]]
    )
    acknowledged: Annotated[list[AcknowledgedOut], BeforeValidator(lambda reasons: reasons or [])] = Field(
        description="Attention that an operator has acknowledged.", examples=[[]]
    )
    work_order_id: int | None = Field(description="Panelr's id of the work order.", examples=[7])
    reference_code: str | None = Field(description="Reference code of the work order.", examples=["WO-2026-00007"])
    panelr_status: str | None = Field(
        description="Latest known status of the work order.", examples=["payment_submitted"]
    )
    order_total: Amount | None = Field(description="Panelr's total of the work order. Null if it is not known.")
    adopted: bool = Field(
        description=(
            "Whether the work order was found or linked afterwards. False if Panelr's answer to the bridge named it."
        ),
        examples=[False],
    )
    attempts: int = Field(description="Number of create calls that were made.", examples=[1])
    next_attempt_at: Time | None = Field(
        description="When the owed call is due. Null if no call is owed.", examples=[None, TIME_EXAMPLE]
    )
    created_at: Time = Field(description="When the bridge first stored the order.")
    updated_at: Time = Field(description="When the bridge last changed the order.")


class AttemptOut(BaseModel):
    """One finished call to Panelr for an order."""

    id: int = Field(description="The attempt's id.", examples=[1])
    action: str = Field(description="What the call was for.", examples=["create_work_order"])
    number: int = Field(description="Number of the attempt, counted from 1 for each action.", examples=[1])
    outcome: str = Field(
        description="Outcome: done, refused, misconfigured, blocked, throttled, not_sent or unknown.",
        examples=["done"],
    )
    status: int | None = Field(description="HTTP status of Panelr's answer. Null without an answer.", examples=[200])
    milliseconds: int | None = Field(description="Duration of the call in milliseconds.", examples=[84])
    words: str = Field(description="What happened.", examples=["created WO-2026-00007"])
    started_at: Time | None = Field(description="When the call started.")
    recorded_at: Time = Field(description="When the outcome was stored.")


class OwedCallOut(BaseModel):
    """The create call or look-up of an order, still to be made."""

    store: str = Field(description="Name of the store.", examples=["default"])
    action: CallAction = Field(description="The call that is owed.", examples=["create_work_order"])
    attempt: int = Field(description="Number of attempts of this action so far.", examples=[1])
    empty_since: Time | None = Field(
        description="Since when look-ups have found no work order.", examples=[None, TIME_EXAMPLE]
    )
    next_attempt_at: Time = Field(description="When the call is due.")
    lease_until: Time | None = Field(
        description="When the lease of a call under way ends. Null if none is under way.", examples=[None, TIME_EXAMPLE]
    )
    owed_since: Time = Field(description="Since when the call is owed.")


class FollowUpOut(BaseModel):
    """Further work for an order besides its create call. It needs an operator if it is neither due nor done."""

    kind: FollowUpKind = Field(description="Kind of the follow-up.", examples=["payment"])
    due_at: Time | None = Field(
        description="When it is due. Null if it is done or needs an operator.", examples=[None, TIME_EXAMPLE]
    )
    attempt: int = Field(description="Number of attempts since it became due.", examples=[0])
    lease_until: Time | None = Field(
        description="When the lease of an attempt under way ends.", examples=[None, TIME_EXAMPLE]
    )
    done_at: Time | None = Field(description="When it was done.")


class ActivationOut(BaseModel):
    """A line at Panelr that an order brought or renewed."""

    model_config = ConfigDict(from_attributes=True)

    activation_id: int = Field(
        validation_alias=AliasChoices("id", "activation_id"), description="Panelr's id of the line.", examples=[41]
    )
    panelr_product_id: int | None = Field(
        validation_alias=AliasChoices("product_id", "panelr_product_id"),
        description="Panelr's id of the product. Null if Panelr does not show which line has which product.",
        examples=[3],
    )


class OrderMoneyOut(BaseModel):
    """The money of an order on both sides. Amounts that are not known are null."""

    model_config = ConfigDict(from_attributes=True)

    currency: str | None = Field(description="Currency of the order.", examples=["USD"])
    woo_total: Amount | None = Field(description="The order's total in WooCommerce.")
    order_total: Amount | None = Field(description="Panelr's total of the work order.")
    reported_paid: Amount | None = Field(
        description="The amount that the bridge reported to Panelr as paid. Null if it reported none."
    )
    difference: Amount | None = Field(
        description=(
            "Panelr's total less the amount that was reported as paid, or less the order's total if none was. Null"
            " without a difference. An order with lines that are not for Panelr may differ from its total rightly."
        )
    )


class RelatedOrderOut(BaseModel):
    """An order of a subscription."""

    model_config = ConfigDict(from_attributes=True)

    subscription_id: int = Field(description="WooCommerce's id of the subscription.", examples=[459])
    woo_order_id: int = Field(description="WooCommerce's id of the order.", examples=[460])
    kind: RelationKind = Field(description="What the order is to the subscription.", examples=["renewal"])
    id: int | None = Field(description="The bridge's id of the order. Null if it is not known here.", examples=[12])
    state: OrderState | None = Field(description="The order's state.", examples=["created"])
    reference_code: str | None = Field(description="Reference code of its work order.", examples=["WO-2026-00007"])


class OrderStoryOut(OrderOut):
    """An order with its money, attempts, owed calls, follow-ups, deliveries and the orders of its subscriptions."""

    money: OrderMoneyOut = Field(description="The order's money in WooCommerce and in Panelr.")
    attempt_log: list[AttemptOut] = Field(description="Every call made for the order, the oldest first.")
    owed_calls: list[OwedCallOut] = Field(
        description="The call that the order owes Panelr. Empty if it owes none.", examples=[[]]
    )
    follow_ups: list[FollowUpOut] = Field(description="The order's follow-ups.")
    activations: list[ActivationOut] = Field(
        description=(
            "The lines at Panelr that the order brought or renewed. Empty until Panelr shows them. A renewal of its"
            " subscription names its line from here."
        )
    )
    deliveries: list[DeliveryOut] = Field(description="The deliveries about this order, the oldest first.")
    subscriptions: list[RelatedOrderOut] = Field(
        description="All orders of the subscriptions that the order belongs to, itself among them.", examples=[[]]
    )

    @classmethod
    def of(cls, story: OrderStory) -> "OrderStoryOut":
        """Return the answer for `story`."""
        parts = {
            "money": story.money,
            "attempt_log": story.attempts,
            "owed_calls": [] if story.owed_call is None else [story.owed_call],
            "follow_ups": story.follow_ups,
            "activations": story.activations,
            "deliveries": story.deliveries,
            "subscriptions": story.subscriptions,
        }
        return cls.model_validate(story.order | parts)


class TokenOut(BaseModel):
    """The confirmation token of an order's work order."""

    confirmation_token: str | None = Field(
        description="Token that authenticates the customer's payment at Panelr. Null if it is not known.",
        examples=["9b9ac59aee2ccb23"],
    )
