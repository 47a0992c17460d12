"""Products, payment methods and store settings of the simulated Panelr.

The field names are those of `get_products`, `get_payment_methods` and `get_store_settings` (API documentation, and the
fields that Panelr's own plugin 2.0 reads). The contents are invented.
"""

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

CURRENCY = "USD"
PLUGINS = {1: "Xtream UI", 2: "Reseller Panel"}


@dataclass
class Product:
    """A product in the form of `get_products`."""

    id: int
    name: str
    price_decimal: Decimal
    duration_months: int = 1
    connections: int = 1
    is_trial: bool = False
    plugin_id: int = 1
    alternate_name: str = ""
    description: str = ""
    currency: str = CURRENCY
    sort_order: int = 0
    panel_product_id: int = 0
    bouquet_ids: list[int] = field(default_factory=lambda: [1, 2, 3])

    def as_json(self) -> dict[str, Any]:
        """Return the product as a JSON object."""
        return asdict(self)


@dataclass
class PaymentMethod:
    """A payment method in the form of `get_payment_methods`."""

    id: int
    name: str
    display_label: str
    mode: str
    processor: str
    instructions: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    adjustment_enabled: bool = False
    adjustment_direction: str | None = None
    adjustment_mode: str | None = None
    adjustment_value: Decimal | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the payment method as a JSON object."""
        return asdict(self)


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
    return {product.id: product for product in listed}


def seed_payment_methods() -> dict[int, PaymentMethod]:
    """Return new copies of the two payment methods by id."""
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
        adjustment_enabled=True,
        adjustment_direction="fee",
        adjustment_mode="percent",
        adjustment_value=Decimal("2.50"),
    )
    return {method.id: method for method in (transfer, card)}


def store_settings() -> dict[str, Any]:
    """Return the settings that Panelr's plugin reads to test its connection."""
    return {"store_name": "Simulated Panelr", "currency": CURRENCY, "timezone": "UTC", "version": "2.0.2"}
