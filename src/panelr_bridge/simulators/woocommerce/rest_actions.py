"""The actions of the shop's REST APIs: name, methods and path of each.

Faults and the journal of requests use these names ("orders.update").
"""

from collections.abc import Mapping

from starlette.routing import compile_path

WC = "/wp-json/wc/v3"
RESOURCE = "/wp-json/{vendor:path}/woo/orders"
ORDER = f"{WC}/orders/{{number:int}}"
WEBHOOK = f"{WC}/webhooks/{{number:int}}"
PRODUCT = f"{WC}/products/{{number:int}}"
READ = ("GET",)
# WordPress's "editable" methods.
EDIT = ("POST", "PUT", "PATCH")

WC_ACTIONS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "orders.list": (READ, f"{WC}/orders"),
    "orders.create": (("POST",), f"{WC}/orders"),
    "orders.get": (READ, ORDER),
    "orders.update": (EDIT, ORDER),
    "orders.delete": (("DELETE",), ORDER),
    "order_subscriptions.list": (READ, f"{ORDER}/subscriptions"),
    "subscription_orders.list": (READ, f"{WC}/subscriptions/{{number:int}}/orders"),
    "notes.list": (READ, f"{ORDER}/notes"),
    "notes.create": (("POST",), f"{ORDER}/notes"),
    "refunds.list": (READ, f"{ORDER}/refunds"),
    "webhooks.list": (READ, f"{WC}/webhooks"),
    "webhooks.create": (("POST",), f"{WC}/webhooks"),
    "webhooks.get": (READ, WEBHOOK),
    "webhooks.update": (EDIT, WEBHOOK),
    "webhooks.delete": (("DELETE",), WEBHOOK),
    "products.list": (READ, f"{WC}/products"),
    "products.get": (READ, PRODUCT),
    "variations.list": (READ, f"{PRODUCT}/variations"),
    "variations.get": (READ, f"{PRODUCT}/variations/{{variation:int}}"),
}
REST_ACTIONS: Mapping[str, tuple[tuple[str, ...], str]] = {
    **WC_ACTIONS,
    "index.get": (READ, "/wp-json"),
    "resource.list": (READ, RESOURCE),
    "resource.create": (("POST",), RESOURCE),
    "resource.get": (READ, f"{RESOURCE}/{{number:int}}"),
    "resource.update": (("PUT", "PATCH"), f"{RESOURCE}/{{number:int}}"),
    "resource.delete": (("DELETE",), f"{RESOURCE}/{{number:int}}"),
}
PATTERNS = [(name, methods, compile_path(path)[0]) for name, (methods, path) in REST_ACTIONS.items()]


def find_action(method: str, path: str) -> tuple[str, dict[str, str]]:
    """Return the action of a request and the parameters in its path; the action is "" for an unknown request."""
    method = "GET" if method == "HEAD" else method
    for name, methods, pattern in PATTERNS:
        match = pattern.match(path.rstrip("/"))
        if match and method in methods:
            return name, match.groupdict()
    return "", {}
