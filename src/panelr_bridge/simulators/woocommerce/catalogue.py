"""The products and the coupon of the shop of the captures (captures/README.md)."""

from decimal import Decimal

from panelr_bridge.simulators.woocommerce.models import Product

# Products 11 to 18 and coupon 19 share one counter with the orders, so the first order is 20.
FIRST_FREE_ID = 20
COUPON_ID = 19
COUPONS = {"rig10": 10}


def seed_products() -> dict[int, Product]:
    """Return new copies of the products by id.

    Virtual are the products that the captures show without a shipping line: 13, 14, 15 and the variations.
    """
    variable = Product(16, "IPTV Subscription", Decimal("10.00"), virtual=True)
    products = [
        Product(11, "Plain mug", Decimal("12.50")),
        Product(12, "Panel Credits 1000", Decimal("49.00"), "PANEL-1000"),
        Product(13, "Follower pack (virtual)", Decimal("19.99"), "VIRT-1", virtual=True),
        Product(14, "E-book (download)", Decimal("5.00"), "EBOOK-1", virtual=True, downloadable=True),
        Product(15, "Freebie", Decimal("0.00"), "FREE-0", virtual=True),
        variable,
        build_variation(variable, 17, "IPTV-1M", Decimal("10.00"), {"term": "1 month"}),
        build_variation(variable, 18, "IPTV-12M", Decimal("90.00"), {"term": "12 months"}),
    ]
    return {product.id: product for product in products}


def build_variation(parent: Product, product_id: int, sku: str, price: Decimal, attributes: dict[str, str]) -> Product:
    """Return a variation of `parent`. Its name contains the attributes, as in WooCommerce's order lines."""
    return Product(
        product_id,
        f"{parent.name} - {', '.join(attributes.values())}",
        price,
        sku,
        virtual=parent.virtual,
        downloadable=parent.downloadable,
        parent_id=parent.id,
        parent_name=parent.name,
        attributes=attributes,
    )
