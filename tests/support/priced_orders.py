"""Generate WooCommerce orders whose prices, taxes, discounts and fees add up, and the Panelr that sells their items."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import strategies as st

from panelr_bridge.domain.models import ItemIntent, MappingTarget
from panelr_bridge.domain.panelr_values import MethodAdjustment
from panelr_bridge.simulators.panelr import Panel
from panelr_bridge.simulators.panelr.bundles_and_coupons import BundleRule, Coupon
from panelr_bridge.simulators.panelr.catalogue import PaymentMethod
from panelr_bridge.simulators.panelr.settings import PanelSettings

CURRENCIES = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
METHOD = 7
CODE = "SPRING"
PRODUCTS = (1, 2, 4)


@dataclass(frozen=True)
class Sale:
    """An order as WooCommerce writes it, the mappings of its lines, and the Panelr that gets it."""

    order: dict[str, Any]
    mappings: tuple[MappingTarget, ...]
    panel: Panel
    method: MethodAdjustment | None
    total: Decimal


def rounded(amount: Decimal, places: int) -> Decimal:
    """Return an amount with so many decimals, half up."""
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


@st.composite
def sales(draw: st.DrawFn, *, generation: int = 2) -> Sale:
    """Return an order of one to three lines with everything that changes a total, and its Panelr."""
    currency, places = draw(st.sampled_from(sorted(CURRENCIES.items())))
    step = Decimal(1).scaleb(-places)
    taxed, rate = draw(st.booleans()), draw(st.sampled_from(["0", "0.19", "0.20", "0.055"]))

    def money(largest: int) -> Decimal:
        return draw(st.integers(0, largest * 10**places)) * step

    def tax(amount: Decimal) -> Decimal:
        return rounded(amount * Decimal(rate), places)

    lines: list[dict[str, Any]] = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        quantity = draw(st.integers(1, 4))
        subtotal = money(60) * quantity
        discount = rounded(subtotal * draw(st.integers(0, 10)) / 10, places)
        lines.append(
            {
                "id": number,
                "product_id": 100 + number,
                "name": f"Plan {number}",
                "quantity": quantity,
                "subtotal": str(subtotal),
                "subtotal_tax": str(tax(subtotal)),
                "total": str(subtotal - discount),
                "total_tax": str(tax(subtotal - discount)),
            }
        )
    fees = [("Tip", money(5)), ("Coupon SPRING", -money(4)), ("Card fee", money(3)), ("Bundle", -money(6))]
    fee_lines = [
        {"name": name, "total": str(amount), "total_tax": str(tax(amount))}
        for name, amount in fees
        if draw(st.booleans())
    ]
    shipping = money(9) if draw(st.booleans()) else Decimal(0)
    parts = [Decimal(line["total"]) + Decimal(line["total_tax"]) for line in [*lines, *fee_lines]]
    gross = max(sum(parts, shipping), Decimal(0))
    credit = min(money(30), gross) if draw(st.booleans()) else Decimal(0)  # a gift card or store credit
    total = gross - credit
    order = {
        "id": draw(st.integers(1, 10**6)),
        "status": "processing",
        "currency": currency,
        "prices_include_tax": taxed,
        "total": str(total),
        "shipping_total": str(shipping),
        "payment_method": "card",
        "date_paid_gmt": "2026-11-21T19:16:43",
        "billing": {"email": "ada@example.test", "first_name": "Ada", "last_name": "Lovelace"},
        "line_items": lines,
        "fee_lines": fee_lines,
        "coupon_lines": [{"code": "ten"}] if draw(st.booleans()) else [],
        "meta_data": [{"key": "_panelr_coupon_code", "value": CODE}] if draw(st.booleans()) else [],
    }
    panel = draw(_panels(currency, places, generation))
    mappings = draw(_mappings(lines, panel))
    kept = {mapping.key for mapping in mappings if mapping.panelr_product_id is not None}
    mine: list[dict[str, Any]] = [line for line in lines if f"product:{line['product_id']}" in kept]
    if len(mine) < len(lines):
        of_lines = sum((Decimal(line["total"]) + Decimal(line["total_tax"]) for line in mine), Decimal(0))
        total = min(of_lines, total)  # no part costs more than the whole order
    return Sale(order, mappings, panel, _method_of(panel), total)


@st.composite
def _panels(draw: st.DrawFn, currency: str, places: int, generation: int) -> Panel:
    panel = Panel(PanelSettings(api_key="key", currency=currency, generation=generation), actions=())
    prices = st.integers(0, 60 * 10 ** min(places, 2)).map(lambda cents: cents * Decimal(1).scaleb(-min(places, 2)))
    for product in panel.products.values():
        product.price_decimal, product.currency = draw(prices), currency
    modes = st.sampled_from(["fixed", "percent"])
    value = st.integers(1, 9).map(Decimal)
    if draw(st.booleans()):
        panel.bundle_rules.append(
            BundleRule(
                "pair", draw(st.lists(st.sampled_from(PRODUCTS), min_size=2, max_size=2)), draw(modes), draw(value)
            )
        )
    if draw(st.booleans()):
        panel.add_coupon(Coupon(CODE, draw(modes), draw(value), draw(st.sampled_from([None, "It has ended"]))))
    panel.payment_methods[METHOD] = PaymentMethod(
        METHOD,
        "card",
        "Card",
        mode="automated",
        processor="stripe",
        adjustment_enabled=draw(st.booleans()),
        adjustment_direction=draw(st.sampled_from(["fee", "discount"])),
        adjustment_mode=draw(modes),
        adjustment_value=draw(value) / 4,
    )
    return panel


@st.composite
def _mappings(draw: st.DrawFn, lines: list[dict[str, Any]], panel: Panel) -> tuple[MappingTarget, ...]:
    """Return the mappings of the lines: to one product, to two, or to nothing; the first line is for Panelr."""
    found: list[MappingTarget] = []
    for place, line in enumerate(lines):
        some = st.lists(st.sampled_from(PRODUCTS), min_size=0 if place else 1, max_size=2, unique=True)
        products: list[int | None] = [*draw(some)] or [None]
        quantities = [draw(st.integers(1, 2)) for _ in products]
        found += [
            _target(line, panel, product, quantity) for product, quantity in zip(products, quantities, strict=True)
        ]
    return tuple(found)


def _target(line: dict[str, Any], panel: Panel, product: int | None, quantity: int) -> MappingTarget:
    return MappingTarget(
        key=f"product:{line['product_id']}",
        panelr_product_id=product,
        intent=ItemIntent.NEW_ACTIVATION,
        quantity=quantity,
        price=None if product is None else panel.products[product].price_decimal,
        currency=panel.settings.currency,
    )


def _method_of(panel: Panel) -> MethodAdjustment | None:
    method = panel.payment_methods[METHOD]
    if not method.adjustment_enabled or method.adjustment_value is None:
        return None
    sign = 1 if method.adjustment_direction == "fee" else -1
    return MethodAdjustment(value=sign * method.adjustment_value, percent=method.adjustment_mode == "percent")
