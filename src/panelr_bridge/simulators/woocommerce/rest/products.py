"""`/wp-json/wc/v3/products` and their variations, read-only: enough to suggest mappings."""

import re
from collections.abc import Mapping
from typing import Any

from panelr_bridge.simulators.woocommerce.models import Product
from panelr_bridge.simulators.woocommerce.payload import format_money, json_number
from panelr_bridge.simulators.woocommerce.rest.call import RestCall, RestHandler, RestReply, build_page
from panelr_bridge.simulators.woocommerce.rest.errors import unknown_id
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop

WORD = re.compile(r"[a-z0-9]+")
TYPES = ("", "simple", "grouped", "external", "variable", "variation")


async def list_products(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET /products`, newest first. Variations are included only if requested by SKU."""
    skus, include = call.text_list("sku"), call.integer_list("include")
    words, kind = call.query.get("search", "").casefold(), call.choice("type", TYPES)
    products = [
        product
        for product in shop.products.values()
        if (product.sku in skus if skus else not product.parent_id)
        and (not include or product.id in include)
        and words in f"{product.name}\n{product.sku}".casefold()
        and kind in {"", _product_type(shop, product)}
    ]
    return _build_product_page(shop, call, products)


async def get_product(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET /products/{id}`, also for a variation."""
    product = shop.products.get(call.number)
    if product is None:
        raise unknown_id("product")
    return RestReply(product_json(shop, product))


async def list_variations(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET /products/{id}/variations`."""
    if call.number not in shop.products:
        raise unknown_id("product")
    return _build_product_page(
        shop, call, [product for product in shop.products.values() if product.parent_id == call.number]
    )


async def get_variation(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET /products/{id}/variations/{id}`."""
    product = shop.products.get(call.path_numbers["variation"])
    if product is None or product.parent_id != call.number:
        raise unknown_id("product_variation")
    return RestReply(product_json(shop, product))


def product_json(shop: SimulatedShop, product: Product) -> dict[str, Any]:
    """Return a product in the form of wc/v3, with the fields that a mapping needs."""
    products = f"{shop.home_url}/wp-json/wc/v3/products"
    collection = f"{products}/{product.parent_id}/variations" if product.parent_id else products
    links = {"self": [{"href": f"{collection}/{product.id}"}], "collection": [{"href": collection}]}
    if product.parent_id:
        links["up"] = [{"href": f"{products}/{product.parent_id}"}]
    price = format_money(product.price)
    return {
        "id": product.id,
        "name": product.name,
        "slug": "-".join(WORD.findall(product.name.lower())),
        "type": _product_type(shop, product),
        "status": "publish",
        "sku": product.sku,
        "price": price,
        "regular_price": price,
        "sale_price": "",
        "purchasable": True,
        "virtual": product.virtual,
        "downloadable": product.downloadable,
        "manage_stock": product.stock is not None,
        "stock_quantity": None if product.stock is None else json_number(product.stock),
        "parent_id": product.parent_id,
        "attributes": _attributes_json(shop, product),
        "variations": [each.id for each in shop.products.values() if each.parent_id == product.id],
        "meta_data": [],
        "_links": links,
    }


def _build_product_page(shop: SimulatedShop, call: RestCall, products: list[Product]) -> RestReply:
    newest_first = call.choice("order", ("desc", "asc")) == "desc"
    products.sort(key=lambda product: product.id, reverse=newest_first)
    return build_page(shop, call, products, lambda product: product_json(shop, product))


def _product_type(shop: SimulatedShop, product: Product) -> str:
    if product.parent_id:
        return "variation"
    return "variable" if any(each.parent_id == product.id for each in shop.products.values()) else "simple"


def _attributes_json(shop: SimulatedShop, product: Product) -> list[dict[str, Any]]:
    if product.parent_id:
        return [{"id": 0, "name": name, "option": option} for name, option in product.attributes.items()]
    options: dict[str, list[str]] = {}
    for variation in shop.products.values():
        for name, option in variation.attributes.items() if variation.parent_id == product.id else ():
            options.setdefault(name, []).append(option)
    return [{"id": 0, "name": name, "variation": True, "options": values} for name, values in options.items()]


PRODUCTS: Mapping[str, RestHandler] = {
    "products.list": list_products,
    "products.get": get_product,
    "variations.list": list_variations,
    "variations.get": get_variation,
}
