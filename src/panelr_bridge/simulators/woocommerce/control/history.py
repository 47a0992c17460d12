"""Controls for a shop's past and its address: old orders, bulk edits, other clocks, a rebuilt shop, a staging copy."""

from datetime import timedelta
from typing import Any

from panelr_bridge.simulators.woocommerce.control.request import ControlAction, ControlRequest
from panelr_bridge.simulators.woocommerce.payload import order_json
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop
from panelr_bridge.simulators.woocommerce.shop_data import ShopError

LONGEST = 36_500
"""How many days a time can be moved."""


async def make_order_older(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Move an order's times into the past."""
    call.check_fields("days")
    days = call.integer("days", 365)
    if not 0 <= days <= LONGEST:
        raise ShopError(f"days must be 0 to {LONGEST}")
    return order_json(shop.make_older(call.number, days), home_url=shop.home_url)


async def touch_all_orders(shop: SimulatedShop, _: ControlRequest) -> Any:
    """Save every order without changes, as a bulk edit does."""
    orders = list(shop.orders)
    for number in orders:
        shop.touch(number)
    return {"touched": len(orders)}


async def set_clock(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Set how far the shop's clock is ahead; behind with a number below 0."""
    call.check_fields("ahead_seconds")
    seconds = call.integer("ahead_seconds", 0)
    if abs(seconds) > LONGEST * 86_400:
        raise ShopError("ahead_seconds is too large")
    shop.ahead = timedelta(seconds=seconds)
    return {"now": shop.now().isoformat()}


async def rebuild_shop(shop: SimulatedShop, _: ControlRequest) -> Any:
    """Lose all orders and number them from the beginning. The webhooks stay."""
    shop.rebuild()
    return {"orders": len(shop.orders)}


async def move_shop(shop: SimulatedShop, call: ControlRequest) -> Any:
    """Give the shop another address, which its deliveries name; its orders and webhooks stay."""
    call.check_fields("home_url")
    address = call.text("home_url").rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise ShopError("home_url must begin with http:// or https://")
    shop.move(address)
    return {"home_url": address}


HISTORY_CONTROLS = [
    ControlAction(
        "POST",
        "/_sim/orders/{number:int}/age",
        '{"days": 2500}',
        "move an order's times into the past, without a webhook",
        make_order_older,
    ),
    ControlAction("POST", "/_sim/touch", "", "save every order without changes, as a bulk edit does", touch_all_orders),
    ControlAction("POST", "/_sim/clock", '{"ahead_seconds": 32400}', "set the shop's clock ahead", set_clock),
    ControlAction(
        "POST", "/_sim/rebuild", "", "lose all orders and number them from the beginning; webhooks stay", rebuild_shop
    ),
    ControlAction(
        "POST",
        "/_sim/move",
        '{"home_url": "https://staging.example.test"}',
        "give the shop another address, as of a staging copy",
        move_shop,
    ),
]
