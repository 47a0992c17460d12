"""WooCommerce's own REST API, `/wp-json/wc/v3`.

Source: reference/woocommerce-webhooks.md, section 8, otherwise WooCommerce's source code.
"""

from panelr_bridge.simulators.woocommerce.rest.authentication import ApiKey, RestAuthenticator
from panelr_bridge.simulators.woocommerce.rest.routes import rest_routes

__all__ = ["ApiKey", "RestAuthenticator", "rest_routes"]
