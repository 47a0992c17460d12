"""The OpenAPI document of the application: FastAPI's own, with corrections."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from panelr_bridge.domain.mapping_input import ProductMapping
from panelr_bridge.web import problems, webhook_docs

DESCRIPTION = """
WooCommerce posts signed order webhooks to the webhook route. The admin API manages the mappings, and shows operators
what happened to each order.

Lists take `fields`, `sort`, `page`, `per_page` and their own filters. Unknown parameters are a 400. Times are ISO 8601
in UTC, and amounts are text. Errors are RFC 9457 problem details; their `request_id` finds the request in the log.
"""

TAGS = [
    {"name": "WooCommerce", "description": "The webhook route: where WooCommerce delivers orders."},
    {"name": "Orders", "description": "The state of an order, its history, and the actions of an operator."},
    {"name": "Mappings", "description": "Which of Panelr's products and payment methods belong to those of a shop."},
    {"name": "Panelr", "description": "The products and payment methods that Panelr offers."},
    {"name": "Deliveries", "description": "Every authentic delivery, byte for byte."},
    {"name": "Stats", "description": "The state of the whole bridge in numbers."},
    {"name": "Health", "description": "Health checks and metrics."},
]


def build_document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of `app`, built at the first call."""
    if app.openapi_schema is None:
        app.openapi_schema = _build(app)
    return app.openapi_schema


def _build(app: FastAPI) -> dict[str, Any]:
    routes = [*webhook_docs.router.routes, *app.routes]
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=routes, tags=TAGS)
    _remove_validation_errors(document)
    schemas = document["components"]["schemas"]
    schemas |= problems.schemas()
    # FastAPI drops null values from examples
    schemas["ProductMapping"]["examples"] = ProductMapping.model_config["json_schema_extra"]["examples"]  # type: ignore[index]
    return document


def _remove_validation_errors(document: dict[str, Any]) -> None:
    """Remove FastAPI's own 422 from every operation: the bridge answers such errors as problems."""
    for operations in document["paths"].values():
        for operation in operations.values():
            content = operation["responses"].get("422", {}).get("content", {})
            if "HTTPValidationError" in str(content.get("application/json")):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
