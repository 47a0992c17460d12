"""Panelr's product and payment lists in both databases, and how a new list affects orders that wait."""

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, text

from panelr_bridge.application.transactions import save_catalogue
from panelr_bridge.application.transactions.change_mappings import add
from panelr_bridge.domain.models import ItemIntent, MappingTarget, OrderMappings
from panelr_bridge.domain.panelr_values import CatalogueList, PanelrPaymentMethod, PanelrProduct
from panelr_bridge.store import catalogue, order_mappings
from panelr_bridge.store.database import Database
from panelr_bridge.store.mappings import PRODUCT

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
WHOLE = PanelrProduct(
    id=2, name="IPTV 12 Months", alternate_name="IPTV-12", price=Decimal("90.10000000000000000001"), currency="USD",
    duration_months=12, connections=2, plugin_id=2**40, is_trial=False,
)  # fmt: skip
BARE = PanelrProduct(
    id=2**62, name="", alternate_name=None, price=None, currency=None, duration_months=None, connections=None,
    plugin_id=None, is_trial=None,
)  # fmt: skip
CARD = PanelrPaymentMethod(id=2, name="card", display_label="Credit card", mode="automated", processor="stripe")


async def bring(opened: Database, *items: Any, seen_at: datetime = NOW, kind: Any = PanelrProduct) -> bool:
    """Store a list of Panelr's."""
    return await opened.write(save_catalogue.save_list, seen_at, kind, items, seen_at=seen_at)


async def revisions(opened: Database) -> dict[str, int]:
    """Return each store's mapping revision."""

    def read(connection: Connection) -> dict[str, int]:
        return {row.store: row.revision for row in connection.execute(text("SELECT * FROM mapping_revisions"))}

    return await opened.read(read)


async def map_sku(opened: Database, number: int | None, *, store: str = "default") -> None:
    """Map the SKU A."""
    values = {
        "store": store, "key": "sku:a", "woo_product_id": None, "woo_variation_id": None, "sku": "A",
        "panelr_product_id": number, "intent": "new_activation", "quantity": 1, "conditions": "",
    }  # fmt: skip
    await opened.write(add, NOW, PRODUCT, values, actor="test")


async def mapped(opened: Database) -> tuple[MappingTarget, ...]:
    """Return the mappings that an order with the SKU A finds."""
    found: tuple[OrderMappings, int | None] = await opened.read(
        order_mappings.find, store="default", woo_order_id=1, keys=["sku:a"], payment_method="bacs"
    )
    return found[0].mappings


async def test_a_list_comes_back_as_it_went_by_its_numbers(opened: Database) -> None:
    assert await opened.read(catalogue.get, PanelrProduct) is None
    await bring(opened, BARE, WHOLE)
    assert await opened.read(catalogue.get, PanelrProduct) == CatalogueList((WHOLE, BARE), NOW)
    assert await opened.read(catalogue.get, PanelrPaymentMethod) is None
    await bring(opened, CARD, kind=PanelrPaymentMethod)
    assert await opened.read(catalogue.get, PanelrPaymentMethod) == CatalogueList((CARD,), NOW)


async def test_a_list_replaces_the_one_before_as_a_whole(opened: Database) -> None:
    await bring(opened, WHOLE, BARE)
    await bring(opened, dataclasses.replace(BARE, id=7), seen_at=LATER)
    assert await opened.read(catalogue.get, PanelrProduct) == CatalogueList((dataclasses.replace(BARE, id=7),), LATER)
    await bring(opened, seen_at=LATER)
    assert await opened.read(catalogue.get, PanelrProduct) == CatalogueList((), LATER)


async def test_a_list_that_was_asked_for_earlier_does_not_replace_a_later_one(opened: Database) -> None:
    await bring(opened, WHOLE, seen_at=LATER)
    assert await bring(opened, BARE, seen_at=NOW) is False
    assert await opened.read(catalogue.get, PanelrProduct) == CatalogueList((WHOLE,), LATER)


async def test_of_two_entries_with_one_number_the_first_is_kept(opened: Database) -> None:
    await bring(opened, WHOLE, dataclasses.replace(BARE, id=2))
    assert await opened.read(catalogue.get, PanelrProduct) == CatalogueList((WHOLE,), NOW)


async def test_a_mapping_carries_what_the_list_says_of_its_product(opened: Database) -> None:
    await map_sku(opened, 2)
    plain = MappingTarget(key="sku:a", panelr_product_id=2, intent=ItemIntent.NEW_ACTIVATION, quantity=1)
    assert await mapped(opened) == (plain,)
    await bring(opened, WHOLE)
    (found,) = await mapped(opened)
    assert found == dataclasses.replace(
        plain, price=Decimal("90.10000000000000000001"), currency="USD", plugin_id=2**40, connections=2
    )
    assert type(found.price) is Decimal
    await bring(opened, dataclasses.replace(BARE, id=2), seen_at=LATER)
    assert await mapped(opened) == (plain,)


async def test_what_is_not_for_panelr_has_no_price(opened: Database) -> None:
    await bring(opened, WHOLE)
    await map_sku(opened, None)
    assert [(each.panelr_product_id, each.price) for each in await mapped(opened)] == [(None, None)]


@pytest.mark.parametrize(
    "change", [{"price": Decimal(91)}, {"currency": "EUR"}, {"plugin_id": 3}, {"connections": 3}, {"id": 3}]
)
async def test_orders_of_every_store_are_decided_anew_when_what_decisions_go_by_has_changed(
    opened: Database, change: dict[str, Any]
) -> None:
    await bring(opened, WHOLE)
    await map_sku(opened, 2)
    await map_sku(opened, 2, store="eu")
    assert await revisions(opened) == {"default": 1, "eu": 1}
    assert await bring(opened, dataclasses.replace(WHOLE, **change), seen_at=LATER) is True
    assert await revisions(opened) == {"default": 2, "eu": 2}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"price": Decimal("90.1000000000000000000100")},
        {"name": "Other"},
        {"duration_months": 13},
        {"is_trial": True},
    ],
)
async def test_nothing_is_decided_anew_for_what_no_decision_goes_by(opened: Database, change: dict[str, Any]) -> None:
    await bring(opened, WHOLE)
    await bring(opened, CARD, kind=PanelrPaymentMethod)
    await map_sku(opened, 2)
    assert await bring(opened, dataclasses.replace(WHOLE, **change), seen_at=LATER) is False
    renamed = dataclasses.replace(CARD, display_label="Card")
    assert await bring(opened, renamed, kind=PanelrPaymentMethod, seen_at=LATER) is False
    assert await revisions(opened) == {"default": 1}
