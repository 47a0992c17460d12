"""WooCommerce's own REST API, `/wp-json/wc/v3`.

Source: reference/woocommerce-webhooks.md, section 8, and WooCommerce's source where that says nothing.
"""

from panelr_bridge.simulators.woocommerce.rest.door import rest_routes
from panelr_bridge.simulators.woocommerce.rest.keys import ApiKey, Gate

__all__ = ["ApiKey", "Gate", "rest_routes"]
