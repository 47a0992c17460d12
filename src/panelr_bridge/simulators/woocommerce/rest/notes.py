"""`/wp-json/wc/v3/orders/{id}/notes`."""

from collections.abc import Mapping
from typing import Any

from panelr_bridge.simulators.woocommerce.models import Order, OrderNote
from panelr_bridge.simulators.woocommerce.payload import format_gmt, format_local
from panelr_bridge.simulators.woocommerce.rest.call import RestCall, RestHandler, RestReply
from panelr_bridge.simulators.woocommerce.rest.errors import RestError, invalid_parameter, missing_parameters
from panelr_bridge.simulators.woocommerce.shop import SimulatedShop


async def list_notes(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`GET`: all notes, newest first, without pages and totals."""
    order = _find_order(shop, call)
    note_type = call.choice("type", ("any", "customer", "internal"))
    notes = [
        note for note in reversed(order.notes) if note_type == "any" or note.for_customer == (note_type == "customer")
    ]
    return RestReply([note_json(shop, order, note) for note in notes])


async def create_note(shop: SimulatedShop, call: RestCall) -> RestReply:
    """`POST`."""
    if "note" not in call.parameters:
        raise missing_parameters("note")
    text = call.parameters["note"]
    if not isinstance(text, str):
        raise invalid_parameter("note", "note is not of type string.")
    for_customer = call.flag("customer_note")
    order = _find_order(shop, call)
    note = shop.add_note(order.id, text, for_customer=for_customer)
    body = note_json(shop, order, note)
    return RestReply(body, 201, {"Location": body["_links"]["self"][0]["href"]})


def note_json(shop: SimulatedShop, order: Order, note: OrderNote) -> dict[str, Any]:
    """Return a note in the form of wc/v3."""
    up = f"{shop.home_url}/wp-json/wc/v3/orders/{order.id}"
    return {
        "id": note.id,
        "author": note.author,
        "date_created": format_local(note.created),
        "date_created_gmt": format_gmt(note.created),
        "note": note.text,
        "customer_note": note.for_customer,
        "_links": {
            "self": [{"href": f"{up}/notes/{note.id}"}],
            "collection": [{"href": f"{up}/notes"}],
            "up": [{"href": up}],
        },
    }


def _find_order(shop: SimulatedShop, call: RestCall) -> Order:
    if call.number not in shop.orders:
        raise RestError("woocommerce_rest_order_invalid_id", "Invalid order ID.", 404)
    return shop.orders[call.number]


NOTES: Mapping[str, RestHandler] = {"notes.list": list_notes, "notes.create": create_note}
