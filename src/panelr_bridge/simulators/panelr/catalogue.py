"""Products, payment methods and store settings of the simulated Panelr.

The field names are those of `get_products`, `get_payment_methods` and `get_store_settings` (API documentation, and the
fields that Panelr's own plugin 2.0 reads). The contents are invented.
"""

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

PLUGINS = {1: "Xtream UI", 2: "Reseller Panel"}


@dataclass
class Product:
    """A product in the form of `get_products`. Its currency is the panel's, unless it has its own.

    Names are not unique: products of two plugins may have the same one.
    """

    id: int
    name: str
    price_decimal: Decimal
    duration_months: int = 1
    connections: int = 1
    is_trial: bool = False
    plugin_id: int = 1
    alternate_name: str = ""
    description: str = ""
    currency: str | None = None
    sort_order: int = 0
    panel_product_id: int = 0
    bouquet_ids: list[int] = field(default_factory=lambda: [1, 2, 3])
    referral_earn_points: int = 0
    referral_cost_points: int = 0

    @property
    def plugin_name(self) -> str:
        """Return the name of the product's plugin."""
        return PLUGINS.get(self.plugin_id, f"Plugin {self.plugin_id}")

    def as_json(self, *, currency: str) -> dict[str, Any]:
        """Return the product as a JSON object; `currency` is the panel's."""
        own = currency if self.currency is None else self.currency
        return asdict(self) | {"currency": own, "plugin_name": self.plugin_name}


@dataclass
class PaymentMethod:
    """A payment method in the form of `get_payment_methods`."""

    id: int
    name: str
    display_label: str
    mode: str
    processor: str
    checkout_on: str = "store"
    instructions: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    adjustment_enabled: bool = False
    adjustment_direction: str | None = None
    adjustment_mode: str | None = None
    adjustment_value: Decimal | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the payment method as a JSON object."""
        return asdict(self)

    def order_json(self) -> dict[str, Any]:
        """Return the payment method in the form of get_work_order."""
        is_automated = self.mode == "automated"
        return {
            "id": self.id,
            "name": self.name,
            "is_automated": is_automated,
            "mode": self.mode,
            "config": self.config,
        }


def seed_products() -> dict[int, Product]:
    """Return new copies of the six products by id; a test may change them."""
    listed = [
        Product(1, "IPTV 1 Month", Decimal("10.00"), duration_months=1),
        Product(2, "IPTV 12 Months", Decimal("90.00"), duration_months=12, connections=2),
        Product(3, "Panel Credits 1000", Decimal("49.00"), duration_months=0, plugin_id=2, bouquet_ids=[]),
        Product(4, "VIP Add-on", Decimal("19.99"), duration_months=1, bouquet_ids=[7]),
        Product(5, "Trial 24h", Decimal("0.00"), duration_months=0, is_trial=True, bouquet_ids=[1]),
        Product(6, "IPTV 3 Months", Decimal("27.00"), duration_months=3),
    ]
    for product in listed:
        product.sort_order = product.id * 10
        product.panel_product_id = 100 + product.id
        product.alternate_name = product.name.upper()
        product.description = f"{product.name}, {product.connections} connection(s)"
        product.referral_cost_points = int(product.price_decimal * 10)
    return {product.id: product for product in listed}


def seed_payment_methods() -> dict[int, PaymentMethod]:
    """Return new copies of the two payment methods by id. The card's fee is turned off; a test may turn it on."""
    transfer = PaymentMethod(
        1,
        "bank_transfer",
        "Bank transfer",
        mode="manual",
        processor="manual",
        instructions="Send the amount to IBAN DE00 0000 0000 and give your reference code.",
    )
    card = PaymentMethod(
        2,
        "card",
        "Credit card",
        mode="automated",
        processor="stripe",
        adjustment_enabled=False,
        adjustment_direction="fee",
        adjustment_mode="percent",
        adjustment_value=Decimal("2.50"),
    )
    return {method.id: method for method in (transfer, card)}


def store_settings(*, currency: str, generation: int) -> dict[str, Any]:
    """Return the settings that Panelr's plugin reads to test its connection."""
    version = "2.0.9" if generation > 1 else "1.0"
    return {"store_name": "Simulated Panelr", "currency": currency, "timezone": "UTC", "version": version}
