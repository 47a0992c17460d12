"""Creating and reading work orders in the simulated Panelr, over its real socket."""

from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from panelr_bridge.simulators.panelr import create_app
from panelr_bridge.simulators.server import running
from tests.support.panelr_caller import ABSENT, COMPLETE_ORDER_BODY, ITEM, KEY, PanelrTestClient, read_error

# The tests of a module share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")

YEAR = datetime.now(UTC).year


async def test_a_work_order_is_created_and_answered_in_the_envelope(caller: PanelrTestClient) -> None:
    response = await caller.send_create()
    work_order = caller.panel.work_orders[1]
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
            "bundle_discount": 0,
            "coupon_discount": 0,
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


async def test_the_same_request_twice_creates_two_work_orders(caller: PanelrTestClient) -> None:
    first, second = await caller.send_create(), await caller.send_create()
    assert second.json()["data"]["reference_code"] == f"WO-{YEAR}-00002"
    assert first.json()["data"]["confirmation_token"] != second.json()["data"]["confirmation_token"]
    assert [work_order.id for work_order in caller.panel.of_wc_order("4711")] == [1, 2]


async def test_a_minimal_request_is_accepted(caller: PanelrTestClient) -> None:
    response = await caller.send_create({"customer_email": "a@b.co", "status": "pending", "items": [ITEM]})
    assert response.json()["data"]["order_total"] == 10.0
    work_order = caller.panel.work_orders[1]
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
async def test_the_type_follows_from_the_intents(caller: PanelrTestClient, intents: list[str], expected: str) -> None:
    items = [{"product_id": 1, "intent": intent, "activation_id": 3} for intent in intents]
    assert (await caller.send_create({**COMPLETE_ORDER_BODY, "items": items})).json()["data"]["type"] == expected


@pytest.mark.parametrize(("direction", "amount", "total"), [("fee", 2.5, 42.49), ("discount", 40, 0.0)])
async def test_a_fee_is_added_and_a_discount_stops_at_zero(
    caller: PanelrTestClient, direction: str, amount: float, total: float
) -> None:
    body = {**COMPLETE_ORDER_BODY, "adjustment_direction": direction, "adjustment_amount": amount}
    assert (await caller.send_create(body)).json()["data"]["order_total"] == total


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
async def test_a_bad_field_is_refused_and_nothing_created(
    caller: PanelrTestClient, field: str, value: object, text: str
) -> None:
    body = {name: each for name, each in {**COMPLETE_ORDER_BODY, field: value}.items() if each is not ABSENT}
    status, error = read_error(await caller.send_create(body))
    assert (status, error[: len(text)]) == (422, text)
    assert caller.panel.work_orders == {}


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
async def test_an_unusable_body_is_refused(
    caller: PanelrTestClient, content: bytes, content_type: str, text: str
) -> None:
    response = await caller.client.post(
        "/api/api.php?action=create_work_order", content=content, headers={"Content-Type": content_type}
    )
    assert read_error(response) == (400, text)


async def test_a_lenient_panel_ignores_unknown_fields(caller: PanelrTestClient) -> None:
    caller.panel.settings.strict = False
    assert (
        await caller.send_create({**COMPLETE_ORDER_BODY, "coupon": "X", "items": [{**ITEM, "sku": "S"}]})
    ).status_code == 200


async def test_get_work_order_shows_what_is_documented(caller: PanelrTestClient) -> None:
    made = (await caller.send_create()).json()["data"]
    caller.panel.work_orders[1].created_at = datetime(2026, 3, 1, 23, 59, 58, tzinfo=UTC)
    caller.panel.work_orders[1].payments[0].at = datetime(2026, 3, 2, 0, 0, 1, tzinfo=UTC)
    by_token = await caller.get("get_work_order", ref=made["reference_code"], token=made["confirmation_token"])
    by_email = await caller.get("get_work_order", ref=made["reference_code"], email="ada@EXAMPLE.com")
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
            | {"wc_order_id": "4711", "product_id": 1, "plugin_id": 1, "activation_id": 9}
            | {"linked_username": None, "points_paid": 0},
            {"name": "VIP Add-on", "qty": 1, "price": 19.99, "intent": "new_activation", "plugin_name": "Xtream UI"}
            | {"wc_order_id": "4711", "product_id": 4, "plugin_id": 1, "activation_id": None}
            | {"linked_username": None, "points_paid": 0},
        ],
        "snap_total": 39.99,
        "order_total": 35.0,
        "prev_paid": 9.99,
        "balance_due": 25.01,
        "has_partials": True,
        "payment_history": [{"amount": 9.99, "at": "2026-03-02 00:00:01"}],
        "adjustment": {"direction": "discount", "label": "SPRING", "amount": 4.99},
        "payment_method": {
            "id": 1,
            "name": "bank_transfer",
            "is_automated": False,
            "mode": "manual",
            "config": {},
        },
        "coupon": None,
        "bundles": [],
        "credits_paid": 0,
        "disputed": False,
        "created_at": "2026-03-01 23:59:58",
    }


@pytest.mark.parametrize("proof", [{}, {"token": "wrong"}, {"email": "eve@example.com"}])
async def test_a_known_work_order_is_forbidden_without_its_token_or_email(
    caller: PanelrTestClient, proof: dict[str, str]
) -> None:
    await caller.send_create()
    answer = await caller.get("get_work_order", ref=f"WO-{YEAR}-00001", **proof)
    assert read_error(answer) == (403, "The reference code and the token or e-mail address do not go together")
    caller.panel.settings.forbids_wrong_proof = False
    answer = await caller.get("get_work_order", ref=f"WO-{YEAR}-00001", **proof)
    assert read_error(answer) == (404, "Work order not found")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ref": f"WO-{YEAR}-00002", "email": "ada@example.com"},
        {"ref": f"WO-{YEAR}-1", "email": "ada@example.com"},
        {"ref": "1", "email": "ada@example.com"},
    ],
)
async def test_an_unknown_work_order_is_not_found(caller: PanelrTestClient, params: dict[str, str]) -> None:
    await caller.send_create()
    assert read_error(await caller.get("get_work_order", **params)) == (404, "Work order not found")


async def test_get_work_orders_lists_the_newest_first(caller: PanelrTestClient) -> None:
    for number in range(1, 4):
        await caller.send_create({**COMPLETE_ORDER_BODY, "wc_order_id": str(number)})
    await caller.send_create({**COMPLETE_ORDER_BODY, "customer_email": "eve@example.com"})
    data = (await caller.get("get_work_orders", customer_email="ADA@example.com", limit="2")).json()["data"]
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


async def test_get_work_orders_by_customer_id_with_its_limits(caller: PanelrTestClient) -> None:
    caller.panel.settings.rate_per_minute = 0
    await caller.send_create({**COMPLETE_ORDER_BODY, "customer_email": "eve@example.com"})
    for _ in range(101):
        await caller.send_create()
    counts = {
        limit: len((await caller.get("get_work_orders", customer_id="2", **params)).json()["data"])
        for limit, params in {"none": {}, "1": {"limit": "1"}, "500": {"limit": "500"}}.items()
    }
    assert counts == {"none": 20, "1": 1, "500": 50}
    caller.panel.settings.list_cap = 7
    assert len((await caller.get("get_work_orders", customer_id="2", limit="50")).json()["data"]) == 7
    assert (await caller.get("get_work_orders", customer_id="3")).json()["data"] == []
    assert read_error(await caller.get("get_work_orders")) == (422, "customer_email or customer_id is required")
    bad = await caller.get("get_work_orders", customer_id="2", limit="0")
    assert read_error(bad) == (422, "limit must be an integer of at least 1")


async def test_the_switches_hide_wc_order_id_and_the_action() -> None:
    app = create_app(api_key=KEY, shows_wc_order_id=False)
    headers = {"X-Panelr-API-Key": KEY}
    async with running(app) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        caller = PanelrTestClient(client, app.state.panel)
        await caller.send_create()
        data = (await caller.get("get_work_orders", customer_email="ada@example.com")).json()["data"]
        assert list(data[0]["items"][0]) == ["name", "qty", "price", "intent", "plugin_name"]
        app.state.panel.settings.knows_get_work_orders = False
        hidden = await caller.get("get_work_orders", customer_email="ada@example.com")
        assert read_error(hidden) == (404, "Unknown action get_work_orders")
    unknowing = create_app(api_key=KEY, knows_get_work_orders=False).state.panel
    assert unknowing.settings.knows_get_work_orders is False


async def test_the_catalogue(caller: PanelrTestClient) -> None:
    products = (await caller.get("get_products")).json()["data"]
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
        "panel_product_id bouquet_ids plugin_id plugin_name is_trial referral_earn_points referral_cost_points"
    )
    assert " ".join(sorted(products[0])) == " ".join(sorted(documented.split()))
    methods = (await caller.get("get_payment_methods")).json()["data"]
    assert [(each["id"], each["mode"]) for each in methods] == [(1, "manual"), (2, "automated")]
    documented = (
        "id name display_label mode processor checkout_on instructions config "
        "adjustment_enabled adjustment_direction adjustment_mode adjustment_value"
    )
    assert " ".join(methods[0]) == documented
    assert (await caller.get("get_store_settings")).json()["data"]["currency"] == "USD"
