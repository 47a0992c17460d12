"""A simulated WooCommerce shop: REST APIs, webhooks as WooCommerce delivers them, and controls for manual use.

Serve `create_app()` with `panelr_bridge.simulators.server.running`. Without HTTP, use `SimulatedShop` for orders,
`order_payload` for their bodies and `sign` for signatures.
"""

from panelr_bridge.simulators.woocommerce.app import create_app
from panelr_bridge.simulators.woocommerce.checkout import Cart, open_checkout, place_order
from panelr_bridge.simulators.woocommerce.deliveries import Delivery, Webhook, delivery_headers
from panelr_bridge.simulators.woocommerce.payload import order_payload
from panelr_bridge.simulators.woocommerce.rest import ApiKey
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import NewOrderLine, OrderChanges
from panelr_bridge.simulators.woocommerce.signature import sign

__all__ = [
    "ApiKey",
    "Cart",
    "Delivery",
    "NewOrderLine",
    "OrderChanges",
    "SimulatedShop",
    "Webhook",
    "create_app",
    "delivery_headers",
    "open_checkout",
    "order_payload",
    "place_order",
    "sign",
]
