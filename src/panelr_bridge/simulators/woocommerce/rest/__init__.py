"""WooCommerce's own REST API, `/wp-json/wc/v3`.

Source: WooCommerce 10.5.0, its source code.
"""

from panelr_bridge.simulators.woocommerce.rest.authentication import ApiKey, RestAuthenticator
from panelr_bridge.simulators.woocommerce.rest.routes import rest_routes

__all__ = ["ApiKey", "RestAuthenticator", "rest_routes"]
