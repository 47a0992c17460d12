"""Every reason to hold an order and every way to release it, as data; docs/states.md lists them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from panelr_bridge.domain.models import AdjustmentMode, UnmappedLines
from tests.support.bridge_kit import line, order

PANEL_1000 = {"sku": "PANEL-1000", "panelr_product_id": 3}
FIRST = order()["line_items"][0]
ELSE = FIRST | {"id": 2, "product_id": 99, "sku": "ELSE", "name": "Something else"}


def meta(**values: Any) -> dict[str, Any]:
    """Return the meta data of a line or an order as a field."""
    return {
        "meta_data": [{"id": number, "key": key, "value": value} for number, (key, value) in enumerate(values.items())]
    }


def email(address: str) -> dict[str, Any]:
    """Return the billing field of an order with this e-mail address."""
    return {"billing": order()["billing"] | {"email": address}}


def when(panelr_product_id: int | None, **conditions: str) -> dict[str, Any]:
    """Return a mapping of PANEL-1000 with these conditions."""
    listed = [{"key": key, "value": value} for key, value in conditions.items()]
    return PANEL_1000 | {"panelr_product_id": panelr_product_id, "conditions": listed}


@dataclass(frozen=True)
class Way:
    """One way to release the order, and its result: `items` as (product, quantity) in the one work order."""

    name: str
    items: tuple[tuple[int, int], ...] = ((3, 1),)
    snapshot: dict[str, Any] = field(default_factory=dict)
    add: dict[str, Any] = field(default_factory=dict)
    edit: dict[str, Any] = field(default_factory=dict)
    add_payment: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    refresh: dict[str, Any] = field(default_factory=dict)
    """Changes of Panelr's product 3 before its product list is fetched again."""

    @property
    def state(self) -> str:
        """The state in which the order ends."""
        return "created" if self.items else "ignored"


@dataclass(frozen=True)
class Hold:
    """One reason to hold an order: the order, the first mapping, the settings, and changes of Panelr's product 3.

    `tells` is whether Panelr answers requests for its product list.
    """

    code: str
    content: dict[str, Any]
    ways: tuple[Way, ...]
    mapping: dict[str, Any] | None = field(default_factory=lambda: dict(PANEL_1000))
    further: tuple[dict[str, Any], ...] = ()
    """Mappings beside the first."""
    settings: dict[str, Any] = field(default_factory=dict)
    product: dict[str, Any] = field(default_factory=dict)
    tells: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    lines: int | None = None
    """The number of the customer's matching lines at Panelr; None where Panelr cannot list them."""


SKIP = {"unmapped_lines": UnmappedLines.SKIP}
RENEWAL = PANEL_1000 | {"intent": "renewal"}
VARIATION = line(order(), variation_id=55)
BY_HAND = FIRST | {"product_id": 0, "sku": ""}
SAYS_WHICH = (
    Way("the id is added", snapshot=line(order(), **meta(panelr_activation_id="9"))),
    Way("the mapping is edited", edit={"intent": "new_activation"}),
)
HOLDS: tuple[Hold, ...] = (
    Hold(
        "unmapped_product",
        VARIATION,
        (
            Way("its SKU is mapped", add=PANEL_1000),
            Way("its product is mapped", add={"woo_product_id": 12, "panelr_product_id": 3}),
            Way("its variation is mapped", add={"woo_variation_id": 55, "panelr_product_id": 3}),
            Way("it is mapped to nothing", items=(), add=PANEL_1000 | {"panelr_product_id": None}),
            Way("unmapped lines are skipped", items=(), settings=SKIP),
        ),
        mapping=None,
    ),
    Hold(
        "unmapped_product",
        order(line_items=[FIRST, ELSE]),
        (
            Way("it is mapped", items=((3, 1), (4, 1)), add={"sku": "ELSE", "panelr_product_id": 4}),
            Way("it is mapped to nothing", add={"sku": "ELSE", "panelr_product_id": None}),
            Way("it is taken out of the order", snapshot={"line_items": [FIRST]}),
            Way("unmapped lines are skipped", settings=SKIP),
        ),
    ),
    Hold(
        "unmappable_line",
        order(line_items=[FIRST, BY_HAND]),
        (
            Way("a product is set", items=((3, 1), (3, 1)), snapshot={"line_items": [FIRST, FIRST | {"id": 2}]}),
            Way("unmapped lines are skipped", settings=SKIP),
        ),
    ),
    Hold("unmappable_line", order(line_items=[BY_HAND]), (Way("unmapped lines are skipped", items=(), settings=SKIP),)),
    Hold(
        "other_source",
        order(),
        (
            Way("the address is added", settings={"shop_addresses": ("https://shop.test", "https://staging.test")}),
            Way("the store's own shop has this order too", snapshot={"order_key": "wc_order_of_the_shop"}),
        ),
        settings={"shop_addresses": ("https://shop.test",)},
        headers={"X-WC-Webhook-Source": "https://staging.test/"},
    ),
    Hold(
        "no_fitting_mapping",
        line(order(), **meta(Duration="1 month")),
        (
            Way("a mapping that fits is added", items=((4, 1),), add=when(4, Duration="1 month")),
            Way("a mapping without conditions is added", items=((4, 1),), add=when(4)),
            Way("the mapping is edited", edit={"conditions": []}),
            Way("the rest is mapped to nothing", items=(), add=when(None)),
            Way("the order is corrected", snapshot=line(order(), **meta(Duration="12 months"))),
        ),
        mapping=when(3, Duration="12 months"),
    ),
    Hold(
        "several_fitting_mappings",
        line(order(), **meta(Duration="12 months", Connections="4")),
        (
            Way(
                "one with both conditions is added", items=((5, 1),), add=when(5, Duration="12 months", Connections="4")
            ),
            Way("one is edited", items=((4, 1),), edit={"conditions": [{"key": "Duration", "value": "1 month"}]}),
            Way("the order is corrected", snapshot=line(order(), **meta(Duration="12 months", Connections="1"))),
        ),
        mapping=when(3, Duration="12 months"),
        further=(when(4, Connections="4"),),
    ),
    Hold(
        "unusable_quantity",
        line(order(), quantity=1.5),
        (
            Way("the order is corrected", items=((3, 2),), snapshot=line(order(), quantity=2)),
            Way("the mapping is edited", items=((3, 3),), edit={"quantity": 2}),
            Way("it is mapped to nothing", items=(), edit={"panelr_product_id": None}),
        ),
    ),
    Hold(
        "unusable_quantity",
        line(order(), quantity=0),
        (Way("the order is corrected", snapshot=order()),),
    ),
    Hold(
        "unknown_intent",
        line(order(), **meta(panelr_intent="upgrade")),
        (
            Way("the intent is corrected", snapshot=line(order(), **meta(panelr_intent="new_activation"))),
            Way("the intent is taken out", snapshot=order()),
            Way(
                "it becomes a balance payment",
                items=(),
                snapshot=line(order(), **meta(panelr_intent="balance_payment")),
            ),
            Way("it is mapped to nothing", items=(), edit={"panelr_product_id": None}),
        ),
    ),
    Hold(
        "contradicting_intent",
        line(order(), **meta(panelr_intent="new_activation", panelr_activation_id="9")),
        (
            Way("the intent is taken out", snapshot=line(order(), **meta(panelr_activation_id="9"))),
            Way("the id is taken out", snapshot=line(order(), **meta(panelr_intent="new_activation"))),
            Way("it is mapped to nothing", items=(), edit={"panelr_product_id": None}),
        ),
    ),
    Hold(
        "unreadable",
        order(total="1.234,56"),
        (Way("the order is corrected", snapshot=order()),),
    ),
    Hold(
        "unreadable",
        order(status=False),
        (Way("the order is corrected", snapshot=order()),),
    ),
    Hold(
        "too_many_lines",
        order(line_items=[FIRST | {"id": number} for number in (1, 2, 3)]),
        (
            Way("lines are taken out", snapshot=order()),
            Way("more lines are allowed", items=((3, 1), (3, 1), (3, 1)), settings={"max_lines": 3}),
        ),
        settings={"max_lines": 2},
    ),
    Hold(
        "no_activation_id",
        order(),
        SAYS_WHICH,
        mapping=RENEWAL,
    ),
    Hold(
        "no_activation_id",
        line(order(), **meta(panelr_intent="trial_upgrade")),
        (
            Way(
                "the id is added", snapshot=line(order(), **meta(panelr_intent="trial_upgrade", panelr_activation_id=9))
            ),
        ),
    ),
    Hold("no_fitting_line", order(), SAYS_WHICH, mapping=RENEWAL, lines=0),
    Hold("several_fitting_lines", order(), SAYS_WHICH, mapping=RENEWAL, lines=2),
    Hold(
        "unusable_activation_id",
        line(order(), **meta(panelr_activation_id="-9")),
        (
            Way("the id is corrected", snapshot=line(order(), **meta(panelr_activation_id="9"))),
            Way("it is mapped to nothing", items=(), edit={"panelr_product_id": None}),
        ),
        mapping=RENEWAL,
    ),
    Hold(
        "no_email",
        order(**email("")),
        (
            Way("an address is added", snapshot=order()),
            Way("the plugin's meta has one", snapshot=meta(_panelr_customer_email="ada@example.test")),
        ),
    ),
    Hold("unusable_email", order(**email("ada@localhost")), (Way("the address is corrected", snapshot=order()),)),
    Hold(
        "unmapped_payment_method",
        order(payment_method="bacs"),
        (
            Way("the method is mapped", add_payment={"woo_payment_method": "bacs", "panelr_payment_method_id": 1}),
            Way("methods are not required any more", settings={"require_payment_method": False}),
        ),
        settings={"require_payment_method": True},
    ),
    Hold(
        "work_order_taken",
        order(**meta(_panelr_work_order_id="1", _panelr_reference_code="WO-2026-00001")),
        (Way("the meta is removed", snapshot=order()),),
    ),
    Hold(
        "unusable_reference_code",
        order(**meta(_panelr_reference_code="W" * 101)),
        (Way("the meta is removed", snapshot=order()),),
    ),
    Hold(
        "currency_differs",
        order(),
        (
            Way("the currency in Panelr is corrected", refresh={"currency": "usd"}),
            Way("another product is mapped", items=((4, 1),), edit={"panelr_product_id": 4}),
            Way("the order's currency is corrected", snapshot={"currency": "EUR"}),
            Way("it is mapped to nothing", items=(), edit={"panelr_product_id": None}),
        ),
        product={"currency": "EUR"},
    ),
    Hold(
        "refunded_before_creation",
        order(refunds=[{"id": 9, "reason": "", "total": "-10.00"}]),
        (Way("the refund is deleted", snapshot={"refunds": []}),),
    ),
    Hold(
        "deposit_due",
        order(**meta(_order_due_ammount="10.00")),
        (Way("the rest is paid", snapshot=meta(_order_due_ammount="0")),),
    ),
    Hold(
        "price_unknown",
        order(),
        (
            Way("Panelr is asked for its products", refresh={"price_decimal": Decimal("48.00")}),
            Way("it is mapped to nothing", items=(), edit={"panelr_product_id": None}),
            Way("totals are not matched any more", settings={"adjustment": AdjustmentMode.ORDER}),
        ),
        settings={"adjustment": AdjustmentMode.MATCH_TOTAL},
        tells=False,
    ),
)
