"""The simulated Panelr, through its real socket."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from panelr_bridge.simulators.panelr import FaultError, Panel, create_app
from panelr_bridge.simulators.panelr.settings import PanelSettings
from panelr_bridge.simulators.server import running

# Starting and stopping a server costs more than most of these tests: they share one.
pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "panelr-test-key"
YEAR = datetime.now(UTC).year
ITEM = {"product_id": 1, "intent": "new_activation"}
VALID: dict[str, Any] = {
    "customer_email": "Ada@Example.com",
    "customer_name": "Ada Lovelace",
    "status": "pending_payment",
    "wc_order_id": "4711",
    "items": [{"product_id": 1, "intent": "renewal", "activation_id": 9, "qty": 2}, {**ITEM, "product_id": 4}],
    "payment_method_id": 1,
    "payment_amount": 9.99,
    "adjustment_direction": "discount",
    "adjustment_label": "SPRING",
    "adjustment_amount": 4.99,
}


class Caller:
    """A client with the right key, and the state behind the socket."""

    def __init__(self, client: httpx.AsyncClient, panel: Panel) -> None:
        self.client = client
        self.panel = panel

    async def get(self, action: str, **params: str) -> httpx.Response:
        return await self.client.get("/api/api.php", params={"action": action, **params})

    async def create(self, body: object = VALID, **options: Any) -> httpx.Response:
        return await self.client.post("/api/api.php", params={"action": "create_work_order"}, json=body, **options)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Caller]:
    app = create_app(api_key=KEY)
    async with (
        running(app) as url,
        httpx.AsyncClient(base_url=url, headers={"X-Panelr-API-Key": KEY}, timeout=5) as client,
    ):
        yield Caller(client, app.state.panel)


@pytest.fixture
def panelr(served: Caller) -> Caller:
    """The one server of this module, as new."""
    served.panel.settings = PanelSettings(api_key=KEY)
    served.panel.clock = time.monotonic
    served.panel.reset()
    return served


def refused(response: httpx.Response) -> tuple[int, str]:
    """Status and text of a failure, after a look at the rest of the envelope."""
    body = response.json()
    assert body == {"success": False, "data": None, "error": body["error"]}
    return response.status_code, body["error"]


# --- creating -------------------------------------------------------------------------------------------------------


async def test_a_work_order_is_created_and_answered_in_the_envelope(panelr: Caller) -> None:
    response = await panelr.create()
    work_order = panelr.panel.work_orders[1]
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.json() == {
        "success": True,
        "data": {
            "work_order_id": 1,
            "reference_code": f"WO-{YEAR}-00001",
            "confirmation_token": work_order.confirmation_token,
            "status": "pending_payment",
            "type": "new_activation",
            "item_count": 2,
            "order_total": 35.0,  # 2 x 10.00 + 19.99 - 4.99
            "credits_spent": 0,
        },
        "error": None,
    }
    assert len(work_order.confirmation_token) == 64
    assert b'"order_total": 35.00' in response.content
    assert [(item.name, item.qty, item.price, item.activation_id, item.wc_order_id) for item in work_order.cart] == [
        ("IPTV 1 Month", 2, Decimal("10.00"), 9, "4711"),
        ("VIP Add-on", 1, Decimal("19.99"), None, "4711"),
    ]
    assert [payment.amount for payment in work_order.payments] == [Decimal("9.99")]


async def test_the_same_request_twice_makes_two(panelr: Caller) -> None:
    first, second = await panelr.create(), await panelr.create()
    assert second.json()["data"]["reference_code"] == f"WO-{YEAR}-00002"
    assert first.json()["data"]["confirmation_token"] != second.json()["data"]["confirmation_token"]
    assert [work_order.id for work_order in panelr.panel.of_wc_order("4711")] == [1, 2]


async def test_the_least_that_is_accepted(panelr: Caller) -> None:
    response = await panelr.create({"customer_email": "a@b.co", "status": "pending", "items": [ITEM]})
    assert response.json()["data"]["order_total"] == 10.0
    work_order = panelr.panel.work_orders[1]
    assert (work_order.source, work_order.wc_order_id, work_order.payments) == ("woocommerce", None, [])


@pytest.mark.parametrize(
    ("intents", "expected"),
    [
        (["renewal"], "renewal"),
        (["trial_upgrade"], "trial_upgrade"),
        (["trial_upgrade", "renewal"], "renewal"),
        (["trial_upgrade", "new_activation"], "new_activation"),
    ],
)
async def test_the_type_follows_from_the_intents(panelr: Caller, intents: list[str], expected: str) -> None:
    items = [{"product_id": 1, "intent": intent, "activation_id": 3} for intent in intents]
    assert (await panelr.create({**VALID, "items": items})).json()["data"]["type"] == expected


@pytest.mark.parametrize(("direction", "amount", "total"), [("fee", 2.5, 42.49), ("discount", 40, 0.0)])
async def test_a_fee_adds_and_a_discount_stops_at_nothing(
    panelr: Caller, direction: str, amount: float, total: float
) -> None:
    body = {**VALID, "adjustment_direction": direction, "adjustment_amount": amount}
    assert (await panelr.create(body)).json()["data"]["order_total"] == total


ABSENT = object()
ONE_OF_INTENTS = "items[0].intent must be one of new_activation, renewal, trial_upgrade"
STATUS = "status must be one of pending, pending_payment, payment_submitted, completed, canceled, payment_failed"
TOGETHER = "adjustment_direction and adjustment_amount are needed together"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("customer_email", ABSENT, "customer_email is required"),
        ("customer_email", 7, "customer_email is required"),
        ("customer_email", "ada", "customer_email must be a valid e-mail address"),
        ("customer_email", "ada@example.com\n", "customer_email must be a valid e-mail address"),
        ("status", ABSENT, STATUS),
        ("status", "on-hold", STATUS),
        ("items", ABSENT, "items must be a list with at least one item"),
        ("items", [], "items must be a list with at least one item"),
        ("items", ["1"], "items[0] must be an object"),
        ("items", [ITEM, {**ITEM, "quantity": 2}], "Unknown field items[1].quantity; known are"),
        ("items", [{**ITEM, "product_id": "1"}], "items[0].product_id must be an integer"),
        ("items", [{**ITEM, "product_id": True}], "items[0].product_id must be an integer"),
        ("items", [{**ITEM, "product_id": 1.0}], "items[0].product_id must be an integer"),
        ("items", [ITEM, {**ITEM, "product_id": 77}], "items[1].product_id 77 is unknown"),
        ("items", [{**ITEM, "intent": "balance_payment"}], ONE_OF_INTENTS),
        ("items", [{**ITEM, "intent": "renewal"}], "items[0].activation_id is required for renewal"),
        ("items", [{**ITEM, "intent": "trial_upgrade"}], "items[0].activation_id is required for trial_upgrade"),
        ("items", [{**ITEM, "activation_id": 0}], "items[0].activation_id must be an integer of at least 1"),
        ("items", [{**ITEM, "qty": 0}], "items[0].qty must be an integer of at least 1"),
        ("items", [{**ITEM, "qty": 1.5}], "items[0].qty must be an integer of at least 1"),
        ("payment_method_id", "1", "payment_method_id must be an integer"),
        ("payment_method_id", 9, "payment_method_id 9 is unknown"),
        ("payment_amount", "9.99", "payment_amount must be a number"),
        ("payment_amount", -1, "payment_amount must lie between 0 and 99999999.99"),
        ("wc_order_id", 4711, "wc_order_id must be a string"),
        ("customer_phone", None, "customer_phone must be a string"),
        ("adjustment_direction", "surcharge", "adjustment_direction must be one of fee, discount"),
        ("adjustment_direction", ABSENT, TOGETHER),
        ("adjustment_amount", ABSENT, TOGETHER),
        ("adjustment_amount", 0, "adjustment_amount must be more than 0"),
        ("customer_mail", "ada@example.com", "Unknown field customer_mail; known are customer_email, status,"),
    ],
)
async def test_a_bad_field_is_refused_and_nothing_created(panelr: Caller, field: str, value: object, text: str) -> None:
    body = {name: each for name, each in {**VALID, field: value}.items() if each is not ABSENT}
    status, error = refused(await panelr.create(body))
    assert (status, error[: len(text)]) == (422, text)
    assert panelr.panel.work_orders == {}


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        (b"", "application/json", "The body is not valid JSON"),
        (b'{"status": NaN}', "application/json", "The body is not valid JSON"),
        (b"[" * 100_000, "application/json", "The body is not valid JSON"),
        (b"[]", "application/json; charset=utf-8", "The body must be a JSON object"),
        (b"{}", "application/x-www-form-urlencoded", "Content-Type must be application/json"),
    ],
)
async def test_an_unusable_body_is_refused(panelr: Caller, content: bytes, content_type: str, text: str) -> None:
    response = await panelr.client.post(
        "/api/api.php?action=create_work_order", content=content, headers={"Content-Type": content_type}
    )
    assert refused(response) == (400, text)


async def test_a_lenient_panel_overlooks_unknown_fields(panelr: Caller) -> None:
    panelr.panel.settings.strict = False
    assert (await panelr.create({**VALID, "coupon": "X", "items": [{**ITEM, "sku": "S"}]})).status_code == 200


# --- reading --------------------------------------------------------------------------------------------------------


async def test_get_work_order_shows_what_is_documented(panelr: Caller) -> None:
    made = (await panelr.create()).json()["data"]
    panelr.panel.work_orders[1].created_at = datetime(2026, 3, 1, 23, 59, 58, tzinfo=UTC)
    panelr.panel.work_orders[1].payments[0].at = datetime(2026, 3, 2, 0, 0, 1, tzinfo=UTC)
    by_token = await panelr.get("get_work_order", ref=made["reference_code"], token=made["confirmation_token"])
    by_email = await panelr.get("get_work_order", ref=made["reference_code"], email="ada@EXAMPLE.com")
    assert by_email.json() == by_token.json()
    data = by_token.json()["data"]
    assert len(data.pop("updated_at")) == 19
    assert data == {
        "reference_code": f"WO-{YEAR}-00001",
        "status": "pending_payment",
        "type": "new_activation",
        "source": "woocommerce",
        "customer_email": "Ada@Example.com",
        "customer_name": "Ada Lovelace",
        "currency": "USD",
        "cart": [
            {"name": "IPTV 1 Month", "qty": 2, "price": 10.0, "intent": "renewal", "plugin_name": "Xtream UI"}
            | {"wc_order_id": "4711"},
            {"name": "VIP Add-on", "qty": 1, "price": 19.99, "intent": "new_activation", "plugin_name": "Xtream UI"}
            | {"wc_order_id": "4711"},
        ],
        "snap_total": 39.99,
        "order_total": 35.0,
        "prev_paid": 9.99,
        "balance_due": 25.01,
        "has_partials": True,
        "payment_history": [{"amount": 9.99, "at": "2026-03-02 00:00:01"}],
        "adjustment": {"direction": "discount", "label": "SPRING", "amount": 4.99},
        "payment_method": "bank_transfer",
        "created_at": "2026-03-01 23:59:58",
    }


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ref": f"WO-{YEAR}-00001"},
        {"ref": f"WO-{YEAR}-00001", "token": "wrong"},
        {"ref": f"WO-{YEAR}-00001", "email": "eve@example.com"},
        {"ref": f"WO-{YEAR}-00002", "email": "ada@example.com"},
        {"ref": f"WO-{YEAR}-1", "email": "ada@example.com"},
        {"ref": "1", "email": "ada@example.com"},
    ],
)
async def test_a_work_order_is_not_found_without_its_proof(panelr: Caller, params: dict[str, str]) -> None:
    await panelr.create()
    assert refused(await panelr.get("get_work_order", **params)) == (404, "Work order not found")


async def test_get_work_orders_lists_the_newest_first(panelr: Caller) -> None:
    for number in range(1, 4):
        await panelr.create({**VALID, "wc_order_id": str(number)})
    await panelr.create({**VALID, "customer_email": "eve@example.com"})
    data = (await panelr.get("get_work_orders", customer_email="ADA@example.com", limit="2")).json()["data"]
    assert [each["reference_code"] for each in data] == [f"WO-{YEAR}-00003", f"WO-{YEAR}-00002"]
    assert len(data[0].pop("created_at")) == 19
    assert data[0] == {
        "reference_code": f"WO-{YEAR}-00003",
        "status": "pending_payment",
        "currency": "USD",
        "items": [
            {"name": "IPTV 1 Month", "qty": 2, "price": 10.0, "intent": "renewal", "plugin_name": "Xtream UI"}
            | {"wc_order_id": "3"},
            {"name": "VIP Add-on", "qty": 1, "price": 19.99, "intent": "new_activation", "plugin_name": "Xtream UI"}
            | {"wc_order_id": "3"},
        ],
        "order_total": 35.0,
        "balance_due": 25.01,
        "activation_ids": [9],
        "adjustment": {"direction": "discount", "label": "SPRING", "amount": 4.99},
        "coupon": None,
    }


async def test_get_work_orders_by_customer_id_with_its_limits(panelr: Caller) -> None:
    panelr.panel.settings.rate_per_minute = 0
    await panelr.create({**VALID, "customer_email": "eve@example.com"})
    for _ in range(101):
        await panelr.create()
    counts = {
        limit: len((await panelr.get("get_work_orders", customer_id="2", **params)).json()["data"])
        for limit, params in {"none": {}, "1": {"limit": "1"}, "500": {"limit": "500"}}.items()
    }
    assert counts == {"none": 20, "1": 1, "500": 100}
    assert (await panelr.get("get_work_orders", customer_id="3")).json()["data"] == []
    assert refused(await panelr.get("get_work_orders")) == (422, "customer_email or customer_id is required")
    bad = await panelr.get("get_work_orders", customer_id="2", limit="0")
    assert refused(bad) == (422, "limit must be an integer of at least 1")


async def test_the_switches_hide_wc_order_id_and_the_action() -> None:
    app = create_app(api_key=KEY, shows_wc_order_id=False)
    headers = {"X-Panelr-API-Key": KEY}
    async with running(app) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        panelr = Caller(client, app.state.panel)
        await panelr.create()
        data = (await panelr.get("get_work_orders", customer_email="ada@example.com")).json()["data"]
        assert list(data[0]["items"][0]) == ["name", "qty", "price", "intent", "plugin_name"]
        app.state.panel.settings.knows_get_work_orders = False
        hidden = await panelr.get("get_work_orders", customer_email="ada@example.com")
        assert refused(hidden) == (404, "Unknown action get_work_orders")
    unknowing = create_app(api_key=KEY, knows_get_work_orders=False).state.panel
    assert unknowing.settings.knows_get_work_orders is False


async def test_the_catalogue(panelr: Caller) -> None:
    products = (await panelr.get("get_products")).json()["data"]
    assert [(each["id"], each["name"], each["price_decimal"], each["is_trial"]) for each in products] == [
        (1, "IPTV 1 Month", 10.0, False),
        (2, "IPTV 12 Months", 90.0, False),
        (3, "Panel Credits 1000", 49.0, False),
        (4, "VIP Add-on", 19.99, False),
        (5, "Trial 24h", 0.0, True),
        (6, "IPTV 3 Months", 27.0, False),
    ]
    documented = (
        "id name alternate_name description price_decimal currency duration_months connections sort_order "
        "panel_product_id bouquet_ids plugin_id is_trial"
    )
    assert " ".join(sorted(products[0])) == " ".join(sorted(documented.split()))
    methods = (await panelr.get("get_payment_methods")).json()["data"]
    assert [(each["id"], each["mode"]) for each in methods] == [(1, "manual"), (2, "automated")]
    documented = (
        "id name display_label mode processor instructions config "
        "adjustment_enabled adjustment_direction adjustment_mode adjustment_value"
    )
    assert " ".join(methods[0]) == documented
    assert (await panelr.get("get_store_settings")).json()["data"]["currency"] == "USD"


# --- the door -------------------------------------------------------------------------------------------------------


async def test_key_action_method_and_path(panelr: Caller) -> None:
    url = "/api/api.php?action=get_products"
    assert refused(await panelr.client.get(url, headers={"X-Panelr-API-Key": "wrong"})) == (401, "Invalid API key")
    assert refused(await panelr.client.get(url, headers={"X-Panelr-API-Key": ""})) == (401, "Missing API key")
    assert refused(await panelr.get("delete_everything")) == (404, "Unknown action delete_everything")
    assert refused(await panelr.client.get("/api/api.php")) == (404, "action is required")
    assert refused(await panelr.get("create_work_order")) == (405, "create_work_order must be called with POST")
    assert refused(await panelr.client.put(url)) == (405, "get_products must be called with GET")
    assert (await panelr.client.get("/api/api.php/?action=get_products")).status_code == 404


async def test_bad_keys_get_the_address_blocked_for_a_minute(panelr: Caller) -> None:
    now = 1000.0
    panelr.panel.clock = lambda: now
    wrong = {"X-Panelr-API-Key": "wrong"}
    statuses = [
        (await panelr.client.get("/api/api.php?action=get_products", headers=wrong)).status_code for _ in range(21)
    ]
    assert statuses == [401] * 20 + [403]
    blocked = await panelr.get("get_products")
    assert refused(blocked) == (403, "Too many failed attempts, your address is blocked")
    now = 1060.0
    assert (await panelr.get("get_products")).status_code == 200


async def test_the_rate_limit_counts_successes_in_a_sliding_minute(panelr: Caller) -> None:
    now = 0.0
    panelr.panel.clock = lambda: now
    panelr.panel.settings.rate_per_minute = 2
    assert (await panelr.get("nothing")).status_code == 404  # a failure does not count
    statuses = []
    for moment in (10.0, 30.0, 50.0, 69.5, 70.0, 70.0):
        now = moment
        response = await panelr.get("get_products")
        statuses.append((response.status_code, response.headers.get("Retry-After")))
    assert statuses == [(200, None), (200, None), (429, "20"), (429, "1"), (200, None), (429, "20")]
    assert refused(response) == (429, "Rate limit exceeded")
    panelr.panel.settings.sends_retry_after = False
    assert "Retry-After" not in (await panelr.get("get_products")).headers
    panelr.panel.settings.rate_per_minute = 0
    assert (await panelr.get("get_products")).status_code == 200
    # Arrivals: 0, 10, 30, 50, 69.5 and four at 70.
    assert (panelr.panel.busiest_window(), panelr.panel.busiest_window(0.4)) == (7, 4)


async def test_latency_holds_back_an_answer_and_does_not_stop_for_a_caller_who_left(panelr: Caller) -> None:
    panelr.panel.settings.latency_seconds = 0.3
    with pytest.raises(httpx.ReadTimeout):
        await panelr.create(timeout=0.1)
    assert panelr.panel.work_orders == {}
    await asyncio.sleep(0.3)
    assert list(panelr.panel.work_orders) == [1]


# --- faults ---------------------------------------------------------------------------------------------------------

FAILED = '{"success": false, "data": null, "error": "Internal error, nothing was saved"}'
SAVED = '{"success": true, "data": {"work_order_id": 1, '


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "start"),
    [
        ({"kind": "refuse"}, 422, "application/json", '{"success": false, "data": null, "error": "Simulated refusal"}'),
        ({"kind": "unauthorized"}, 401, "application/json", '{"success": false,'),
        ({"kind": "forbidden"}, 403, "application/json", '{"success": false,'),
        ({"kind": "throttle", "retry_after": 7}, 429, "application/json", '{"success": false,'),
        ({"kind": "status", "status": 502}, 502, "text/html", "<!DOCTYPE html>"),
        ({"kind": "status", "status": 503, "body": "envelope"}, 503, "application/json", '{"success": false,'),
        ({"kind": "status", "status": 302}, 302, "text/html", "<!DOCTYPE html>"),
        ({"kind": "html"}, 200, "text/html", "<!DOCTYPE html>"),
        ({"kind": "empty"}, 200, "text/html", ""),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_that_answers_something_else(
    panelr: Caller, fault: dict[str, Any], status: int, content_type: str, start: str, when: str
) -> None:
    panelr.panel.faults.add(**fault, when=when)
    response = await panelr.create()
    assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (status, content_type)
    assert response.text.startswith(start)
    assert bool(response.text) is bool(start)
    assert response.headers.get("Retry-After") == ("7" if "retry_after" in fault else None)
    assert response.headers.get("Location") == ("/login.php" if status == 302 else None)
    assert len(panelr.panel.work_orders) == (1 if when == "after" else 0)
    assert panelr.panel.journal[0].fault == fault["kind"]
    assert (await panelr.create()).json()["success"] is True


@pytest.mark.parametrize(
    ("kind", "content_type", "prefix"),
    [
        ("warnings", "text/html", "<br />\n<b>Warning</b>:  Undefined array key"),
        ("wrong_type", "text/html", ""),
        ("slow", "application/json", ""),
    ],
)
async def test_a_fault_that_spoils_the_proper_answer(panelr: Caller, kind: str, content_type: str, prefix: str) -> None:
    seconds = 0.3 if kind == "slow" else None
    panelr.panel.faults.add(kind, seconds=seconds)
    panelr.panel.faults.add(kind, seconds=seconds, when="before")
    started = time.monotonic()
    failed, saved = await panelr.create(), await panelr.create()
    assert kind != "slow" or time.monotonic() - started >= 0.6
    assert (failed.status_code, saved.status_code) == (500, 200)
    assert saved.headers["content-type"].partition(";")[0] == content_type
    assert saved.text.startswith(prefix)
    assert failed.text.endswith(FAILED)
    assert SAVED in saved.text
    assert saved.text.endswith('"error": null}')
    assert len(panelr.panel.work_orders) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ({"kind": "reset"}, httpx.ReadError, "^$"),
        ({"kind": "close"}, httpx.RemoteProtocolError, "Server disconnected without sending a response"),
        ({"kind": "hang", "seconds": 0.2}, httpx.RemoteProtocolError, "Server disconnected without sending"),
        ({"kind": "hang", "seconds": 60}, httpx.ReadTimeout, "^$"),
        ({"kind": "truncated"}, httpx.RemoteProtocolError, "peer closed connection without sending complete"),
        ({"kind": "garbage"}, httpx.RemoteProtocolError, "illegal status line"),
    ],
)
async def test_a_fault_below_http(
    panelr: Caller, fault: dict[str, Any], error: type[Exception], words: str, when: str
) -> None:
    panelr.panel.faults.add(**fault, when=when)
    with pytest.raises(error, match=words):
        await panelr.create(timeout=0.5)
    assert len(panelr.panel.work_orders) == (1 if when == "after" else 0)
    assert (await panelr.create()).json()["success"] is True


async def wire(panelr: Caller) -> bytes:
    """What one request gets, to the end of the connection, without an HTTP client in between."""
    base = panelr.client.base_url
    reader, writer = await asyncio.open_connection(base.host, base.port)
    writer.write(
        f"GET /api/api.php?action=get_products HTTP/1.1\r\nHost: x\r\nX-Panelr-API-Key: {KEY}\r\n\r\n".encode()
    )
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_a_truncated_answer_promises_its_whole_length(panelr: Caller) -> None:
    panelr.panel.faults.add("truncated", status=200, when="before")
    head, _, body = (await wire(panelr)).decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert f"content-length: {len(FAILED)}\r\n" in head + "\r\n"
    assert body == FAILED[: len(FAILED) // 2]


async def test_a_reset_is_a_reset_and_a_close_is_none_on_the_wire(panelr: Caller) -> None:
    panelr.panel.faults.add("reset")
    panelr.panel.faults.add("close")
    panelr.panel.faults.add("garbage")
    with pytest.raises(ConnectionResetError):
        await wire(panelr)
    assert await wire(panelr) == b""
    assert (await wire(panelr)).startswith(b"\x16\x03\x01")


async def test_faults_wait_for_their_action_and_their_times(panelr: Caller) -> None:
    panelr.panel.faults.add("empty", action="create_work_order", times=2)
    panelr.panel.faults.add("refuse", action="*", times=None, when="after")
    assert (await panelr.get("get_products")).status_code == 422
    assert [(await panelr.create()).status_code for _ in range(4)] == [200, 200, 422, 422]
    panelr.panel.faults.clear()
    assert (await panelr.create()).json()["data"]["work_order_id"] == 3


async def test_an_after_fault_leaves_a_refused_request_alone(panelr: Caller) -> None:
    panelr.panel.faults.add("reset", when="after")
    assert refused(await panelr.create({})) == (422, "customer_email is required")
    assert [fault.kind for fault in panelr.panel.faults.pending] == ["reset"]


# --- by hand --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "kind is required, one of refuse, unauthorized,"),
        ({"kind": "explode"}, "kind must be one of refuse, unauthorized,"),
        ({"kind": "reset", "sorry": 1}, "Unknown field sorry; known are kind, action, when, times,"),
        ({"kind": "reset", "seconds": 1}, "reset does not take seconds; it takes action, when, times"),
        ({"kind": "reset", "action": "creat"}, "action must be one of *, create_work_order,"),
        ({"kind": "reset", "when": "during"}, "when must be one of before, after"),
        ({"kind": "reset", "times": 0}, "times must be an integer of at least 1, or null"),
        ({"kind": "hang", "seconds": -1}, "seconds must be a number from 0 to 3600"),
        ({"kind": "status", "status": 100}, "status must be an integer from 200 to 599"),
        ({"kind": "status", "body": "xml"}, "body must be one of html, envelope"),
        ({"kind": "throttle", "retry_after": "1\r\nX: y"}, "retry_after must be an integer or a line of text"),
    ],
)
async def test_an_impossible_fault_is_refused(panelr: Caller, body: dict[str, Any], text: str) -> None:
    response = await panelr.client.post("/_sim/faults", json=body)
    assert (response.status_code, response.json()["error"][: len(text)]) == (400, text)
    assert panelr.panel.faults.pending == []


async def test_faults_by_hand(panelr: Caller) -> None:
    asked = {"kind": "hang", "action": "create_work_order", "when": "after", "times": None, "seconds": 0.5}
    shown = {"id": 1, **asked, "status": None, "retry_after": None, "body": "html", "struck": 0}
    shown |= {"wc_order_id": None, "customer_email": None}
    added = await panelr.client.post("/_sim/faults", json=asked)
    assert (added.status_code, added.json()) == (201, shown)
    assert (await panelr.client.get("/_sim/faults")).json() == [shown]
    assert (await panelr.client.delete("/_sim/faults")).status_code == 204
    assert (await panelr.client.get("/_sim/faults")).json() == []
    with pytest.raises(FaultError, match="kind must be one of refuse"):
        panelr.panel.faults.add("explode")


async def test_work_orders_and_their_status_by_hand(panelr: Caller) -> None:
    await panelr.create()
    await panelr.create({**VALID, "wc_order_id": "4712"})
    everything = (await panelr.client.get("/_sim/work-orders")).json()
    filtered = (await panelr.client.get("/_sim/work-orders?wc_order_id=4712")).json()
    assert ([each["work_order_id"] for each in everything], filtered) == ([1, 2], everything[1:])
    assert (filtered[0]["wc_order_id"], filtered[0]["cart"][1]["product_id"]) == ("4712", 4)
    decided = await panelr.client.post("/_sim/work-orders/2/status", json={"status": "processing"})
    assert (decided.status_code, decided.json()["status"]) == (200, "processing")
    assert panelr.panel.work_orders[2].status == "processing"
    assert (await panelr.client.post("/_sim/work-orders/9/status", json={"status": "queued"})).status_code == 404
    wrong = await panelr.client.post("/_sim/work-orders/2/status", json={"status": "done"})
    assert (wrong.status_code, wrong.json()["error"][:22]) == (400, "status must be one of ")


async def test_the_journal_and_a_new_start_by_hand(panelr: Caller) -> None:
    panelr.panel.faults.add("close")
    with pytest.raises(httpx.RemoteProtocolError):
        await panelr.get("get_products")
    await panelr.create()
    await panelr.client.post("/api/api.php?action=create_work_order", content=b"not JSON")
    journal = (await panelr.client.get("/_sim/requests")).json()
    assert [(each["action"], each["status"], each["fault"], each["body"]) for each in journal] == [
        ("get_products", None, "close", None),
        ("create_work_order", 200, None, VALID),
        ("create_work_order", 400, None, "not JSON"),
    ]
    panelr.panel.faults.add("close")
    assert (await panelr.client.delete("/_sim/state")).status_code == 204
    assert (await panelr.client.get("/_sim/requests")).json() == []
    assert (await panelr.client.get("/_sim/work-orders")).json() == []
    assert (await panelr.create()).json()["data"]["reference_code"] == f"WO-{YEAR}-00001"


async def test_settings_by_hand_are_changed_together_or_not_at_all(panelr: Caller) -> None:
    changed = await panelr.client.patch("/_sim/settings", json={"latency_seconds": 0.05, "rate_per_minute": 7})
    assert changed.json() == {
        "rate_per_minute": 7,
        "latency_seconds": 0.05,
        "shows_wc_order_id": True,
        "knows_get_work_orders": True,
        "sends_retry_after": True,
        "knows_complete_by_token": True,
        "accepts_repeated_payments": False,
        "strict": True,
    }
    for body, text in {
        '{"rate_per_minute": 9, "strict": "no"}': "strict must be true or false",
        '{"rate_per_minute": 1.5}': "rate_per_minute must be an integer of at least 0",
        '{"latency_seconds": -1}': "latency_seconds must be a number from 0 to 3600",
        '{"api_key": ""}': "api_key must be a string that is not empty",
        "[]": "The body must be a JSON object",
        "{": "The body must be JSON",
    }.items():
        refusal = await panelr.client.patch("/_sim/settings", content=body)
        assert (refusal.status_code, refusal.json()) == (400, {"error": text})
    assert panelr.panel.settings.rate_per_minute == 7
    await panelr.client.patch("/_sim/settings", json={"api_key": "another"})
    assert (await panelr.get("get_products")).status_code == 401


async def test_the_front_page_says_what_is_possible(panelr: Caller) -> None:
    page = (await panelr.client.get("/_sim/")).json()
    assert page["pages"]["DELETE /_sim/state"] == "reset everything except the settings"
    assert page["faults"]["kinds"]["hang"] == {
        "what": "no response for `seconds`, then the connection is closed",
        "fields": ["seconds"],
    }
    assert KEY not in str(page)


async def test_a_panel_without_a_key_does_not_start() -> None:
    with pytest.raises(ValueError, match="api_key must be a string that is not empty"):
        create_app(api_key="")
