"""The webhook route: which deliveries it accepts, what it stores, and its answers."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from panelr_bridge.settings import Settings, StoreSettings
from panelr_bridge.simulators.panelr import Panel
from tests.support.api_answers import BOTH_DATABASES, problem, stored_deliveries
from tests.support.bridge_kit import ORDERS_SINCE, SECRET, Kit, capture, kit_of, order, sign

PREVIOUS = "the-secret-before-the-rotation"
EU_SECRET = "secret-of-the-store-eu"
LIMIT = 64 * 1024
DOORS = [
    ("/webhooks/woocommerce", SECRET),
    ("/webhooks/woocommerce/", SECRET),
    ("/webhooks/woocommerce/default", SECRET),
    ("/webhooks/woocommerce/eu", EU_SECRET),
    ("/webhooks/woocommerce/eu/", EU_SECRET),
]
NO_RESULT = {"work_order_id": None, "reference_code": None}


@pytest.fixture
def dialect() -> str:
    """Use SQLite unless the test names databases."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with two stores, one with two secrets during a rotation, and a low size limit."""
    changes = {
        "webhook_secret_previous": SecretStr(PREVIOUS),
        "stores": {"eu": StoreSettings(webhook_secret=SecretStr(EU_SECRET), orders_since=ORDERS_SINCE)},
        "max_body_bytes": LIMIT,
    }
    return settings.model_copy(update=changes)


@pytest.fixture
async def mapped(kit: Kit) -> Kit:
    """A bridge with a mapping for PANEL-1000."""
    await kit.map(sku="PANEL-1000", panelr_product_id=3)
    return kit


# Accepted deliveries


async def test_the_signature_is_over_the_raw_bytes(kit: Kit) -> None:
    spaced = b' {"id" : 31,\t"status":"pending", "line_items":[] }\n'
    assert (await kit.post(spaced)).status_code == 200
    compact = json.dumps(json.loads(spaced)).encode()
    headers = {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Signature": sign(spaced)}
    problem(await kit.http.post("/webhooks/woocommerce", content=compact, headers=headers), 401)


async def test_a_missing_or_bad_signature_is_refused_and_nothing_is_kept(kit: Kit) -> None:
    missing, unfit = "the signature is missing", "the signature does not fit the body"
    right = sign(json.dumps(order()).encode())
    wrong = ["nonsense", sign(b"another body"), "\u00e9" * 20, "A" * 5000, right[:-1], right + "=", f"sha256={right}"]
    tried = [(None, missing), ("", missing), ("  ", missing), *((each, unfit) for each in wrong)]
    for signature, words in tried:
        headers = [(b"X-WC-Webhook-Topic", b"order.updated")]
        headers += [] if signature is None else [(b"X-WC-Webhook-Signature", signature.encode())]
        answer = await kit.http.post("/webhooks/woocommerce", content=json.dumps(order()), headers=headers)
        assert problem(answer, 401)["detail"] == words, signature
    assert await stored_deliveries(kit) == []


async def test_a_signature_by_the_previous_secret_counts_while_that_is_set(
    kit: Kit, settings: Settings, panelr: tuple[str, Panel]
) -> None:
    assert (await kit.post(order(), secret=PREVIOUS)).status_code == 200
    assert (await kit.post(order(), secret=SECRET)).status_code == 200
    done = settings.model_copy(update={"webhook_secret_previous": SecretStr("")})
    async with kit_of(done, panelr[1]) as after:
        problem(await after.post(order(), secret=PREVIOUS), 401)
        problem(await after.post(order(), secret=""), 401)
        assert (await after.post(order(), secret=SECRET)).status_code == 200


@pytest.mark.parametrize(
    ("typed", "signs"),
    [
        ("long &amp; secret &lt;1&gt;", "long & secret <1>"),
        ("it&#039;s &quot;it&quot;", 'it\'s "it"'),
        ("twice &amp;lt; encoded", "twice &lt; encoded"),
        ("long & plain <secret>", "long & plain <secret>"),
    ],
)
async def test_a_secret_with_entities_signs_with_their_text(
    settings: Settings, panelr: tuple[str, Panel], typed: str, signs: str
) -> None:
    async with kit_of(settings.model_copy(update={"webhook_secret": SecretStr(typed)}), panelr[1]) as kit:
        assert (await kit.post(order(), secret=signs)).status_code == 200
        if typed != signs:
            problem(await kit.post(order(), secret=typed), 401)


async def test_a_store_is_entered_by_its_own_secret_alone(kit: Kit) -> None:
    problem(await kit.post(order(), store="eu", secret=SECRET), 401)
    problem(await kit.post(order(), store="eu", secret=PREVIOUS), 401)
    problem(await kit.post(order(), secret=EU_SECRET), 401)
    assert await stored_deliveries(kit) == []


async def test_an_unknown_store_is_404_and_its_name_is_not_repeated(kit: Kit) -> None:
    for store in ("nowhere", "EU", "eu%00", "%E2%82%AC", "x" * 2000):
        for slash in ("", "/"):
            answer = await kit.http.post(f"/webhooks/woocommerce/{store}{slash}", content=b"webhook_id=1")
            assert problem(answer, 404)["detail"] == (
                "there is no such store here: see BRIDGE_STORES__{name}__WEBHOOK_SECRET"
            )


# Paths


async def test_a_ping_is_answered_200_and_not_kept(kit: Kit) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for path, _ in DOORS:
        for body in (b"webhook_id=1", b"webhook_id=18446744073709551615", b" webhook_id=7\r\n"):
            answer = await kit.http.post(path, content=body, headers=headers)
            assert (answer.status_code, answer.text) == (200, "pong"), path
    assert await stored_deliveries(kit) == []


async def test_what_only_looks_like_a_ping_needs_a_signature(kit: Kit) -> None:
    for body in (b"webhook_id=", b"webhook_id=1&x=2", b"webhook_id=one", b"", b"id=1"):
        problem(await kit.http.post("/webhooks/woocommerce", content=body), 401)
    assert await stored_deliveries(kit) == []


async def test_a_ping_with_a_signature_is_a_delivery(kit: Kit) -> None:
    headers = {"X-WC-Webhook-Signature": "nonsense"}
    problem(await kit.http.post("/webhooks/woocommerce", content=b"webhook_id=1", headers=headers), 401)


async def test_a_delivery_is_taken_with_and_without_a_slash_and_never_redirected(kit: Kit) -> None:
    for number, (path, secret) in enumerate(DOORS, start=1):
        body = json.dumps(order(id=number)).encode()
        headers = {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Signature": sign(body, secret)}
        answer = await kit.http.post(path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["order_id"]) == (200, number)
    stores = [each["store"] for each in await stored_deliveries(kit)]
    assert stores == ["default", "default", "default", "eu", "eu"]


async def test_another_method_is_405_and_no_redirect(kit: Kit) -> None:
    for path, _ in DOORS:
        for method in ("GET", "PUT", "DELETE"):
            problem(await kit.http.request(method, path), 405)


# Answers


async def test_the_answer_of_a_created_order_is_exactly_this(mapped: Kit) -> None:
    year = mapped.runtime.bridge.clock().year
    answer = await mapped.post(order())
    assert answer.headers["content-type"] == "application/json"
    assert answer.status_code == 200
    assert answer.text == (
        f'{{"order_id":20,"state":"created","work_order_id":1,"reference_code":"WO-{year}-00001","reason":null}}'
    )


@pytest.mark.parametrize(
    ("fault", "more", "state"),
    [("throttle", {"retry_after": 30}, "queued"), ("reset", {"when": "after"}, "unconfirmed")],
)
async def test_what_is_not_settled_is_answered_202(mapped: Kit, fault: str, more: dict[str, Any], state: str) -> None:
    mapped.panel.faults.add(fault, action="create_work_order", **more)
    answer = await mapped.post(order())
    assert answer.status_code == 202
    content = answer.json()
    assert content.pop("reason")
    assert content == {"order_id": 20, "state": state, **NO_RESULT}


async def test_a_call_that_is_still_on_the_wire_is_answered_202(settings: Settings, panelr: tuple[str, Panel]) -> None:
    async with kit_of(settings.model_copy(update={"sync_budget_seconds": 0.05}), panelr[1]) as kit:
        await kit.map(sku="PANEL-1000", panelr_product_id=3)
        kit.panel.settings.latency_seconds = 0.3
        answer = await kit.post(order())
        assert answer.status_code == 202
        assert answer.json() == {"order_id": 20, "state": "sending", **NO_RESULT, "reason": None}
        await kit.until(20, "created")


@pytest.mark.parametrize(
    ("changes", "fault", "state"),
    [
        ({"status": "pending"}, None, "waiting"),
        ({"status": "cancelled"}, None, "ignored"),
        ({"billing": {}}, None, "held"),
        ({}, "refuse", "refused"),
    ],
)
async def test_what_is_settled_without_a_work_order_is_answered_200_with_the_reason(
    mapped: Kit, changes: dict[str, Any], fault: str | None, state: str
) -> None:
    if fault:
        mapped.panel.faults.add(fault)
    answer = await mapped.post(order(**changes))
    assert answer.status_code == 200
    content = answer.json()
    assert content.pop("reason")
    assert content == {"order_id": 20, "state": state, **NO_RESULT}


async def test_no_answer_holds_the_token(mapped: Kit) -> None:
    answers = [await mapped.post(order())]
    token = mapped.panel.work_orders[1].confirmation_token
    answers.append(await mapped.post(order(), topic="order.created"))
    answers.append(await mapped.post(order(status="cancelled", date_modified_gmt="2026-11-21T20:00:00")))
    answers.append(await mapped.post({"id": 20}, topic="order.deleted"))
    meta = [
        {"key": "_panelr_reference_code", "value": "WO-2026-00077"},
        {"key": "_panelr_confirmation_token", "value": token},
    ]
    answers.append(await mapped.post(order(id=21, meta_data=meta)))
    assert [answer.json()["state"] for answer in answers] == ["created"] * 5
    assert [answer.status_code for answer in answers] == [200] * 5
    assert not [answer.text for answer in answers if token in answer.text]


async def test_another_topic_is_kept_and_answered_200(kit: Kit) -> None:
    topics = ["product.updated", "customer.created", "action.woocommerce_new_order", ""]
    for topic in topics:
        answer = await kit.post(order(), topic=topic)
        assert answer.status_code == 200
        words = f"the bridge does not use the topic {topic or '(none)'}"
        assert answer.json() == {"order_id": None, "state": None, **NO_RESULT, "reason": words}
    kept = await stored_deliveries(kit)
    assert [(each["topic"], each["verdict"]) for each in kept] == [(topic, "other_topic") for topic in topics]
    assert (await kit.api("GET", "/orders")).json()["meta"]["total"] == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("woocommerce_rest_shop_order_invalid_id", "WooCommerce could not read the order at the time of delivery"),
        ("woocommerce_rest_cannot_view", "the webhook's owner may not read orders: give the webhook to a user who may"),
        ("woocommerce_rest_authentication_error", "the webhook's owner may not read orders"),
    ],
)
async def test_an_error_object_is_kept_and_a_person_can_see_it(kit: Kit, code: str, words: str) -> None:
    answer = await kit.post({"code": code, "message": "No.", "data": {"status": 403}}, topic="order.created")
    assert answer.status_code == 200
    assert answer.json()["order_id"] is None
    assert answer.json()["reason"].startswith(words)
    assert answer.json()["reason"].endswith(f"({code}: No.)")
    (shown,) = (await kit.api("GET", "/deliveries?verdict=woocommerce_error")).json()["data"]
    assert shown["words"] == answer.json()["reason"]
    checks = (await kit.http.get("/readyz")).json()["checks"]
    assert [name for name, check in checks.items() if not check["ok"]] == ["webhooks"]


# Stored rows

UNREADABLE = [
    b"",
    b"no json",
    b"[1]",
    b'"text"',
    b"\xff\xfe\x00",
    b'{"id": 20, "status": "processing", "line_items": []}\x00',
    b'{"id": "twenty", "status": "processing", "line_items": []}',
    b'{"id": 0, "status": "processing", "line_items": []}',
    b'{"id": 9223372036854775808, "status": "processing", "line_items": []}',
    b'{"id": NaN, "status": "processing", "line_items": []}',
    b'{"order": {"id": "twenty"}}',
    b"[" * 60_000,
    b'{"id": ' + b"9" * 6000 + b"}",
]


@BOTH_DATABASES
async def test_an_authentic_body_that_cannot_be_read_is_kept_and_answered_200(kit: Kit) -> None:
    answers = [await kit.post(body) for body in UNREADABLE]
    assert [answer.status_code for answer in answers] == [200] * len(UNREADABLE)
    assert not [answer.text for answer in answers if answer.json()["order_id"] or answer.json()["state"]]
    kept = await stored_deliveries(kit)
    assert [base64.b64decode(each["body_base64"], validate=True) for each in kept] == UNREADABLE
    assert {each["verdict"] for each in kept} == {"unreadable"}
    assert [each["words"] for each in kept] == [answer.json()["reason"] for answer in answers]


async def test_a_deletion_without_an_order_id_is_kept_and_answered_200(kit: Kit) -> None:
    for body in (b"", b"{}", b'{"id": null}', b'{"id": -1}', b'{"id": true}', b'{"id": 1.5}', b'{"id": "0"}'):
        assert (await kit.post(body, topic="order.deleted")).status_code == 200
    assert {each["verdict"] for each in await stored_deliveries(kit)} == {"unreadable"}


@BOTH_DATABASES
async def test_an_order_without_a_line_is_ignored(kit: Kit) -> None:
    answer = await kit.post(order(line_items=[]))
    assert answer.status_code == 200
    assert answer.json() == {"order_id": 20, "state": "ignored", **NO_RESULT, "reason": "the order has no lines"}


@BOTH_DATABASES
async def test_a_delivery_is_kept_byte_for_byte(kit: Kit) -> None:
    headers, body = capture("038")  # with NULs in it
    assert (await kit.post_capture("038")).status_code == 200
    (kept,) = await stored_deliveries(kit)
    assert base64.b64decode(kept["body_base64"]) == body
    assert kept["headers"] == {
        "x-wc-webhook-id": headers["X-WC-Webhook-ID"],
        "x-wc-webhook-delivery-id": headers["X-WC-Webhook-Delivery-ID"],
        "x-wc-webhook-source": headers["X-WC-Webhook-Source"],
        "user-agent": headers["User-Agent"],
    }


@BOTH_DATABASES
async def test_nul_bytes_and_bytes_that_are_no_text_are_kept(kit: Kit) -> None:
    raw = b'{"id": 20}\x00\xff\x80' + bytes(range(256))
    escaped = json.dumps(order(id=21, customer_note="a\x00b", status="pen\x00ding", currency="U\x00SD")).encode()
    lone = json.dumps(order(id=22, status="pending\ud800", number="\x00")).encode()
    for body in (raw, escaped, lone):
        assert (await kit.post(body)).status_code == 200
    kept = await stored_deliveries(kit)
    assert [base64.b64decode(each["body_base64"]) for each in kept] == [raw, escaped, lone]
    assert [each["verdict"] for each in kept] == ["unreadable", "order", "order"]
    assert ((await kit.order(21))["woo_status"], (await kit.order(21))["woo_currency"]) == ("pending", "USD")


async def test_the_same_bytes_are_one_delivery_that_is_counted(kit: Kit) -> None:
    for _ in range(3):
        await kit.post(order(status="pending"))
    await kit.post(order(status="pending"), topic="order.created")
    assert [(each["topic"], each["times"]) for each in await stored_deliveries(kit)] == [
        ("order.updated", 3),
        ("order.created", 1),
    ]


# Size limits


async def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(kit: Kit) -> None:
    assert (await kit.post(b"x" * LIMIT)).status_code == 200
    answer = await kit.post(b"x" * (LIMIT + 1))
    assert problem(answer, 413)["detail"] == f"the body is larger than {LIMIT} bytes (BRIDGE_MAX_BODY_BYTES)"
    assert len(await stored_deliveries(kit)) == 1


async def test_a_body_that_announces_too_much_is_not_read(kit: Kit) -> None:
    taken = []

    async def body() -> AsyncIterator[bytes]:
        taken.append(1)
        yield b"x"

    headers = {"Content-Length": str(10**30)}
    problem(await kit.http.post("/webhooks/woocommerce", content=body(), headers=headers), 413)
    assert taken == []


async def test_a_body_of_unknown_length_is_read_no_further_than_the_limit(kit: Kit) -> None:
    taken = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(1000):
            taken.append(number)
            yield b"x" * 1024

    problem(await kit.http.post("/webhooks/woocommerce", content=body()), 413)
    assert len(taken) == 65
