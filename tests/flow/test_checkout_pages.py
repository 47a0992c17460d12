"""Where Panelr's payment e-mail leads: to the shop's own order-received page, and nowhere else."""

import pytest

from panelr_bridge.settings import Settings
from panelr_bridge.simulators.panelr import Panel
from tests.support.bridge_kit import kit_of, order
from tests.support.held_table import PANEL_1000
from tests.support.payments import ON_HOLD, is_settled, map_bank_transfer

SOURCE = {"X-WC-Webhook-Source": "https://www.shop.test/"}
KEY = order()["order_key"]


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize(
    ("woo_url", "host", "expected"),
    [
        ("https://www.shop.test", "https://www.shop.test", "https://www.shop.test/kasse"),
        ("", "https://www.shop.test", "https://www.shop.test/kasse"),
        ("https://internal.test/wp-json", "https://www.shop.test", "https://www.shop.test/kasse"),
        ("https://www.shop.test", "https://elsewhere.test", "https://www.shop.test/checkout"),
        ("", "https://elsewhere.test", "https://www.shop.test/checkout"),
    ],
)
async def test_the_payment_e_mail_leads_to_the_shops_translated_checkout_page(
    settings: Settings, panelr: tuple[str, Panel], woo_url: str, host: str, expected: str
) -> None:
    changes = {"woo_url": woo_url, "order_received_endpoint": "bestellung-erhalten"}
    async with kit_of(settings.model_copy(update=changes), panelr[1]) as kit:
        await kit.map(**PANEL_1000)
        await map_bank_transfer(kit, "submit_payment")
        pays = f"{host}/kasse/zahlung-bezahlen/20/?pay_for_order=true&key={KEY}"
        await kit.post(order(payment_url=pays) | ON_HOLD, headers=SOURCE)
        await kit.until(20, is_settled("instructions"))
        (sent,) = kit.panel.work_orders[1].instructions
        assert sent.confirm_url == f"{expected}/bestellung-erhalten/20/?key={KEY}"
