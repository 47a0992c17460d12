"""Each field case, posted through the webhook route, with its literal outcome."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from tests.support.bridge_kit import Kit
from tests.support.field_cases import FIELD_CASES, field_case, play


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> str:
    """Use SQLite: what an order means does not depend on the database."""
    return str(getattr(request, "param", "sqlite"))


@dataclass(frozen=True)
class Outcome:
    """How an order ends: `items` as (product, intent, quantity, activation), `paid` as Panelr was told."""

    state: str
    reasons: tuple[str, ...] = ()
    items: tuple[tuple[int, str, int, int | None], ...] = ()
    paid: str | None = None
    status: str | None = None
    attention: tuple[str, ...] = ()
    email: str | None = None
    name: str | None = "Field Tester"


NEW = ((1, "new_activation", 1, None),)
RENEWAL = ((1, "renewal", 1, 77),)
PAID = "payment_submitted"
SENT = Outcome("created", items=NEW, paid="10.00", status=PAID)
RENEWED = Outcome("created", items=RENEWAL, paid="10.00", status=PAID)
REFUNDED = Outcome("held", ("refunded_before_creation",))
UNREADABLE = Outcome("held", ("unreadable",))
UNPAID = Outcome("created", items=NEW, status="pending_payment")


def sent(product: int = 1, **more: Any) -> Outcome:
    """Return the outcome of a paid order of one product."""
    return Outcome("created", items=((product, "new_activation", 1, None),), paid="10.00", status=PAID, **more)


def sent_for(amount: str) -> Outcome:
    """Return the outcome of a paid order of product 1."""
    return replace(SENT, paid=amount)


JANE = sent(email="jane@example.test")
# by file: the outcome of each WooCommerce order
OUTCOMES: dict[str, dict[int, Outcome]] = {
    "ancient-order-edited": {2200: Outcome("ignored", ("older_than_bridge",))},
    "addon-carries-plan": {3080: Outcome("created", items=NEW, paid="68.00", status=PAID)},  # as the mapping says
    "api-v1": {2300: RENEWED},
    "deposit-second-payment": {2140: sent_for("5.00"), 2141: Outcome("held", ("second_payment",))},
    "email-corrected-after": {2230: sent(attention=("email_changed",), email="jhon@exmaple.test")},
    "gift-card": {4002: Outcome("created", items=NEW, paid="4.00", status=PAID)},
    "refund-positive-sign": {3170: REFUNDED},
    "refunded-before-first-sight": {4004: REFUNDED},
    "shipping-and-tip": {3130: Outcome("created", items=NEW, paid="16.95", status=PAID)},
    "tax-inclusive-coupon": {3090: Outcome("created", items=NEW, paid="8.99", status=PAID)},
    "float-noise": {2340: Outcome("created", items=NEW, paid="19.99", status=PAID)},
    "intent-shapes": dict.fromkeys((3220, 3221, 3222, 3223), RENEWED),
    "invisible-in-email": dict.fromkeys((3000, 3001, 3002, 3003, 3004, 3005), JANE),
    "legacy-error": {},
    "legacy-v3-wrapper": {52: UNREADABLE},
    "line-told-twice": {4001: SENT},
    "modified-goes-back": {2160: sent(email="c2160@example.test")},
    "multivendor-suborders": {
        2000: Outcome("created", items=(*NEW, (3, "new_activation", 1, None)), paid="30.00", status=PAID),
        2001: Outcome("ignored", ("sub_order",)),
        2002: Outcome("ignored", ("sub_order",)),
    },
    "names": {
        3040: sent(name="Se\u00e1n O'Brien"),
        3041: sent(name="\U0001f680 Zo\u00eb \u202b\u0645\u062d\u0645\u062f\u202c"),
        3042: sent(name="ACME Ltd"),
    },
    "nan": {2337: UNREADABLE, 2338: UNREADABLE},
    "no-gmt-dates": {2302: SENT},
    "reused-order-id-new-shop": {100: sent(attention=("another_order_same_id",), email="first@example.test")},
    "scalars-as-arrays": {2318: SENT, 2319: SENT},
    "sku-case-entities": {3050: sent(), 3051: sent(2), 3052: sent(3), 3053: sent(4)},
    "subscription-renewal": {4003: Outcome("held", ("no_fitting_line",))},
    "status-wc-prefix": {2309: SENT},
    "zero-dates": {2306: UNPAID, 2307: UNPAID, 2308: UNPAID},
}
WORDS = {
    "ancient-order-edited": "the order was made on 2019-03-01, and orders count from 2026-01-01 on"
    " (BRIDGE_ORDERS_SINCE). If it needs a work order, retry it",
    "refund-positive-sign": "20.00 USD of 30.00 USD were refunded before the order had a work order, and it does not"
    " say for which lines: retry the order to send it with 10.00 USD as its price, or close it",
    "refunded-before-first-sight": "10.00 USD of 30.00 USD were refunded before the order had a work order, and it does"
    " not say for which lines: retry the order to send it with 20.00 USD as its price, or close it",
    "deposit-second-payment": "this order pays the rest of order 2140 (work order WO-2026-00001): record the payment in"
    " Panelr, then close this order; if it is an order of its own, retry it here",
    "multivendor-suborders": "this is a vendor's part of order 2000: that order has the same goods and is the one sent",
    "subscription-renewal": "a renewal needs the activation that it is for: the line has no panelr_activation_id",
    "legacy-error": "the webhook's owner may not read orders: give the webhook to a user who may (shop manager); and"
    " set the webhook's API version to WP REST API Integration v3"
    " (woocommerce_api_user_cannot_read_order: You do not have permission to read this order)",
    "legacy-v3-wrapper": "the webhook sends this order in the form of WooCommerce's legacy API: set the webhook's API"
    " version to WP REST API Integration v3, then save the order",
    "reused-order-id-new-shop": "delivery 2 holds order 100 of another shop: its order key is another. It was left out,"
    " and this order stays as it is. If the shop was built again, give the new one a store name of its own"
    " (BRIDGE_STORES__...); if it is a copy, delete its webhooks",
    "nan": "the order's total holds 'INF', which cannot be read: correct the order in WooCommerce, or the plugin that"
    " changes what its API sends",
}
"""The words in the answer to a case's last delivery."""


def test_every_case_has_an_outcome_here() -> None:
    assert sorted(OUTCOMES) == sorted(path.stem for path in FIELD_CASES.glob("*.json"))


@pytest.mark.parametrize("name", OUTCOMES)
async def test_a_field_case(kit: Kit, name: str) -> None:
    answers = await play(kit, field_case(name))
    assert answers[-1]["reason"] == WORDS.get(name)
    for number, expected in OUTCOMES[name].items():
        await kit.until(number, partial(has_reasons, expected.reasons if expected.state == "held" else None))
    found = {each: await outcome_of(kit, each) for each in OUTCOMES[name]}
    for number, expected in OUTCOMES[name].items():
        wanted = (
            expected if expected.email or expected.state != "created" else with_email(expected, found[number].email)
        )
        assert found[number] == wanted
    assert len(kit.panel.work_orders) == sum(each.state == "created" for each in OUTCOMES[name].values())


def has_reasons(codes: tuple[str, ...] | None, story: dict[str, Any]) -> bool:
    """Return whether an order has these reasons; Panelr and the shop may be asked first. None for any."""
    return codes is None or tuple(each["code"] for each in story["reasons"]) == codes


def with_email(outcome: Outcome, email: str | None) -> Outcome:
    """Return an outcome whose address does not matter."""
    return replace(outcome, email=email)


async def outcome_of(kit: Kit, woo_order_id: int) -> Outcome:
    """Return how an order ended: in the bridge, and at Panelr if it has a work order."""
    story = await kit.order(woo_order_id)
    reasons = tuple(each["code"] for each in story["reasons"])
    if story["state"] != "created":
        assert kit.panel.of_wc_order(str(woo_order_id)) == []
        return Outcome(story["state"], reasons)
    (made,) = kit.panel.of_wc_order(str(woo_order_id))
    return Outcome(
        story["state"],
        reasons,
        tuple((each.product_id, each.intent, each.qty, each.activation_id) for each in made.cart),
        str(made.payments[0].amount) if made.payments else None,
        made.status,
        tuple(each["code"] for each in story["attention"] or ()),
        made.customer_email,
        made.customer_name,
    )


@pytest.mark.parametrize(
    ("name", "total"), [("gift-card", "4.00"), ("shipping-and-tip", "16.95"), ("tax-inclusive-coupon", "8.99")]
)
async def test_panelrs_total_is_what_was_paid(kit: Kit, name: str, total: str) -> None:
    await play(kit, field_case(name))
    (made,) = kit.panel.work_orders.values()
    assert (str(made.charges.order_total), str(made.payments[0].amount)) == (total, total)


async def test_a_coupons_discount_is_sent_as_the_customer_saw_it_with_its_tax(kit: Kit) -> None:
    await play(kit, field_case("tax-inclusive-coupon"))
    (made,) = kit.panel.work_orders.values()
    adjustment = made.charges.adjustment
    assert adjustment is not None
    assert (adjustment.direction, adjustment.label, str(adjustment.amount)) == ("discount", "ten", "1.00")
