"""What an order's row holds beside its mappings, in the forms of both drivers and of older versions."""

import json
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.domain.panelr_values import CustomerLine
from panelr_bridge.store.order_mappings import read_rows
from panelr_bridge.woocommerce.refund_payload import RefundedLine, ShopRefunds

OLDER = {
    "activation_id": 77,
    "status": "active",
    "is_trial": False,
    "plugin_id": 1,
    "plugin_name": "A",
    "product_name": "IPTV",
}
NEWER = OLDER | {"connections": 2, "expiration_date": "2026-12-31", "usernames": ["ada"], "of_a_later_version": 1}
NO_MAPPING = (None,) * 9


def read(lines: Any, overridden: Any, refunds: Any = None) -> Any:
    found, order_id = read_rows([(1, 20, lines, refunds, overridden, *[None] * 9, *NO_MAPPING)], store="default")
    assert order_id == 20
    return found


@pytest.mark.parametrize("driver", [json.dumps, lambda value: value], ids=["text", "decoded"])
def test_stored_lines_of_any_version_are_read(driver: Any) -> None:
    found = read(driver({"email": "ada@example.test", "lines": [OLDER, NEWER]}), driver(["plugin_will_send"]))
    line = CustomerLine(
        activation_id=77, status="active", is_trial=False, plugin_id=1, plugin_name="A", product_name="IPTV"
    )
    assert found.lines.lines[0] == line
    later = found.lines.lines[1]
    assert (later.connections, later.expiration_date, later.usernames) == (2, "2026-12-31", ("ada",))
    assert found.overridden == {"plugin_will_send"}


@pytest.mark.parametrize("driver", [json.dumps, lambda value: value], ids=["text", "decoded"])
def test_stored_refunds_are_read(driver: Any) -> None:
    line = RefundedLine(Decimal(1), Decimal("9.50"), Decimal("0.50"))
    refunds = ShopRefunds(frozenset({9, 8}), Decimal("14.95"), {2: line}, Decimal("4.95"))
    assert read(None, None, driver(refunds.as_json())).refunds == refunds


def test_an_order_without_them_has_none() -> None:
    found = read(None, None)
    assert (found.lines, found.overridden, found.refunds) == (None, frozenset(), None)
