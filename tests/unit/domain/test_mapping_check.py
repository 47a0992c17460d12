"""A mapping to something that Panelr does not offer is refused, with similar offers."""

from typing import Any

import pytest

from panelr_bridge.domain.mapping_check import default_on_paid, require_payment_method, require_products
from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.domain.panelr_values import PanelrPaymentMethod, PanelrProduct
from panelr_bridge.errors import InvalidValue


def product(number: int, name: str) -> PanelrProduct:
    """Return a product with a name only."""
    return PanelrProduct(
        id=number, name=name, alternate_name=None, price=None, currency=None, duration_months=None, connections=None,
        plugin_id=None, is_trial=None,
    )  # fmt: skip


def method(number: int, name: str, mode: str | None = None, label: str | None = None) -> PanelrPaymentMethod:
    """Return a payment method."""
    return PanelrPaymentMethod(id=number, name=name, display_label=label, mode=mode, processor=None)


FEW = [product(2, "IPTV 12 Months"), product(1, "IPTV 1 Month")]
MANY = [product(number, f"Product {number}") for number in range(1, 100)] + [product(500, "Golden Sports")]


def refusal(products: Any, *wanted: dict[str, Any]) -> str:
    """Return the message that refuses mappings, by SKU by default."""
    with pytest.raises(InvalidValue) as caught:
        require_products([ProductMapping(**({"sku": "A"} | each)) for each in wanted], products)
    return str(caught.value)


@pytest.mark.parametrize(
    ("products", "wanted", "words"),
    [
        (FEW, {"panelr_product_id": 77}, "it offers 1 IPTV 1 Month, 2 IPTV 12 Months"),
        ([], {"panelr_product_id": 77}, "it offers none"),
        (
            MANY,
            {"panelr_product_id": 120, "sku": None, "woo_product_id": 1},
            "it offers 95 Product 95, 96 Product 96, 97 Product 97, 98 Product 98, 99 Product 99, ...",
        ),
        (
            MANY,
            {"panelr_product_id": 120, "sku": "golden-sports"},
            "500 Golden Sports, ...",
        ),
        ([product(5, "")], {"panelr_product_id": 4}, "it offers 5"),
    ],
)
def test_a_product_that_is_not_offered_is_refused_with_what_is_near(products: Any, wanted: Any, words: str) -> None:
    said = refusal(products, wanted)
    assert said.startswith(f"Panelr offers no product {wanted['panelr_product_id']}; it offers ")
    assert said.endswith(words)
    assert said.count(",") <= 5


def test_what_is_offered_or_not_for_panelr_passes() -> None:
    given = [ProductMapping(sku="A", panelr_product_id=number) for number in (1, 2, None)]
    require_products(given, FEW)
    require_products([], [])


def test_each_entry_of_an_import_is_named_and_at_most_twenty() -> None:
    said = refusal(FEW, {"panelr_product_id": 1}, {"panelr_product_id": 9}, {"panelr_product_id": 8, "sku": "B"})
    assert said == (
        "entry 2 (sku:a): Panelr offers no product 9; it offers 1 IPTV 1 Month, 2 IPTV 12 Months; "
        "entry 3 (sku:b): Panelr offers no product 8; it offers 1 IPTV 1 Month, 2 IPTV 12 Months"
    )
    said = refusal(FEW, *({"panelr_product_id": 9} for _ in range(23)))
    assert said.count("entry") == 20
    assert said.endswith("; and 3 more")


def test_a_payment_method_that_panelr_does_not_have_is_refused_with_those_that_it_has() -> None:
    methods = [method(2, "card", label="Credit card"), method(1, "bank_transfer")]
    require_payment_method(2, methods)
    with pytest.raises(InvalidValue) as caught:
        require_payment_method(9, methods)
    assert str(caught.value) == "Panelr has no payment method 9; it has 1 bank_transfer, 2 Credit card"
    with pytest.raises(InvalidValue, match="it has none"):
        require_payment_method(1, [])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("manual", "submit_payment"),
        ("Manual", "submit_payment"),
        ("automated", "complete_order"),
        ("other", "none"),
        (None, "none"),
    ],
)
def test_what_panelr_learns_of_a_payment_goes_by_the_methods_mode(mode: str | None, expected: str) -> None:
    assert default_on_paid(2, [method(1, "x", "manual"), method(2, "y", mode)]) == expected
    assert default_on_paid(3, [method(2, "y", mode)]) == "none"
