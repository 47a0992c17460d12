"""Which Panelr product probably fits a product of the shop, by tables."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.domain.mapping_input import read_csv, write_csv
from panelr_bridge.domain.mapping_suggestion import MIN_SCORE, ShopItem, read_item, suggest
from panelr_bridge.domain.panelr_values import PanelrProduct


def product(number: int, name: str, price: str, months: int | None, **more: Any) -> PanelrProduct:
    """Return a product of Panelr's."""
    fields = {"alternate_name": None, "connections": 1, "plugin_id": 1, "is_trial": False} | more
    return PanelrProduct(id=number, name=name, price=Decimal(price), currency="USD", duration_months=months, **fields)


OFFERED = [
    product(1, "IPTV 1 Month", "10.00", 1),
    product(2, "IPTV 12 Months", "90.00", 12, connections=2),
    product(3, "Panel Credits 1000", "49.00", 0, alternate_name="CREDITS-1000"),
    product(4, "VIP Add-on", "19.99", 1),
    product(5, "IPTV Trial 24h", "0.00", 0, is_trial=True),
    product(6, "IPTV 3 Months", "27.00", 3),
]
ITEM = ShopItem(product_id=16, variation_id=None, name="", sku="", price=None)


def likely(name: str = "", sku: str = "", price: str | None = None) -> tuple[int, int, tuple[str, ...]] | None:
    """Return the number, score and reasons of the most likely product."""
    amount = None if price is None else Decimal(price)
    found = suggest([replace(ITEM, name=name, sku=sku, price=amount)], OFFERED)
    return (found[0].product.id, found[0].score, found[0].why) if found else None


@pytest.mark.parametrize(
    ("name", "sku", "number"),
    [
        ("IPTV 1 Month", "", 1),
        ("iptv - 12 months", "", 2),
        ("", "iptv-3-months", 6),
        ("Something else", "credits 1000", 3),
    ],
)
def test_the_same_name_is_certain_however_it_is_written(name: str, sku: str, number: int) -> None:
    assert likely(name, sku) == (number, 100, ("the same name",))


@pytest.mark.parametrize(
    ("name", "sku", "price", "number", "why"),
    [
        ("IPTV Subscription 12 months", "", None, 2, "12 months"),
        ("IPTV Subscription 1 year", "", None, 2, "12 months"),
        ("IPTV Abo 12 Monate", "", None, 2, "12 months"),
        ("IPTV yearly", "", None, 2, "12 months"),
        ("IPTV 90 days", "", None, 6, "3 months"),
        ("IPTV", "IPTV-1M", None, 1, "1 months"),
        ("IPTV", "iptv_12m", None, 2, "12 months"),
        ("IPTV 12 Months, 2 connections", "", None, 2, "2 connections"),
        ("Premium IPTV 3 Months", "", "27.0", 6, "the same price"),
        ("IPTV Premium Trial", "", "0.00", 5, "a trial"),
        ("Panel Credit 1000", "", None, 3, "a similar name"),
    ],
)
def test_what_is_alike_is_suggested_with_its_reasons(
    name: str, sku: str, price: str | None, number: int, why: str
) -> None:
    found = likely(name, sku, price)
    assert found is not None
    assert found[0] == number
    assert why in found[2]
    assert MIN_SCORE <= found[1] < 100


@pytest.mark.parametrize(
    ("name", "price"), [("T-Shirt", "10.00"), ("", None), ("12 months", "5.00"), ("24 months warranty", None)]
)
def test_what_is_like_nothing_is_not_suggested(name: str, price: str | None) -> None:
    assert likely(name, "", price) is None


def test_another_length_is_another_product() -> None:
    found = suggest([replace(ITEM, name="IPTV Premium 6 Months")], OFFERED)
    assert [each.product.id for each in found] == []


def test_nothing_is_offered_or_sold() -> None:
    assert suggest([replace(ITEM, name="IPTV 1 Month")], []) == []
    assert suggest([], OFFERED) == []


def test_the_best_come_first_and_many_are_compared() -> None:
    many = [*OFFERED, *(product(number, f"Sports {number}", "5.00", 1) for number in range(100, 400))]
    items = [replace(ITEM, name="IPTV Gold 12 Months"), replace(ITEM, name="sports 317")]
    assert [each.product.id for each in suggest(items, many)] == [317, 2]


@pytest.mark.parametrize(
    ("told", "variation", "expected"),
    [
        (
            {"id": 16, "name": " IPTV ", "sku": " A ", "price": "10.00"},
            None,
            replace(ITEM, name="IPTV", sku="A", price=Decimal("10.00")),
        ),
        ({"id": 16, "name": None, "sku": None, "price": ""}, None, ITEM),
        (
            {"id": 16, "name": "IPTV", "sku": "A"},
            {"id": 18, "sku": "A-12", "price": 9, "attributes": [{"option": "12 Months"}, {"option": 2}, None]},
            ShopItem(product_id=16, variation_id=18, name="IPTV 12 Months", sku="A-12", price=Decimal(9)),
        ),
        ({"id": 16}, {"id": 18, "attributes": "?", "price": "NaN"}, replace(ITEM, variation_id=18)),
        ({"name": "IPTV"}, None, None),
        ({"id": 16}, {"id": "18"}, None),
        ({"id": 0}, None, None),
    ],
)
def test_a_product_of_the_shop_is_read_leniently(told: Any, variation: Any, expected: ShopItem | None) -> None:
    assert read_item(told, variation) == expected


def test_suggestions_can_be_imported_as_they_are() -> None:
    items = [
        replace(ITEM, name="IPTV 1 Month", sku='a,"b'),
        replace(ITEM, product_id=17, variation_id=18, name="IPTV 12 Months"),
    ]
    text = write_csv(each.as_row("eu") for each in suggest(items, OFFERED))
    assert [(each.store, each.key, each.sku, each.panelr_product_id) for each in read_csv(text)] == [
        ("eu", "product:16", 'a,"b', 1),
        ("eu", "variation:18", None, 2),
    ]
