"""The Orders resource of the better-route library, `/wp-json/{vendor}/woo/orders`."""

from panelr_bridge.simulators.woocommerce.orders_resource.routes import OrdersApi, wordpress_error

__all__ = ["OrdersApi", "wordpress_error"]
