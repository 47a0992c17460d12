"""Settings with which the bridge refuses to start, and its messages."""

from typing import Any

import pytest

from panelr_bridge.errors import ConfigurationError
from panelr_bridge.settings import Settings, StoreSettings, require_ready

GOOD: dict[str, Any] = {
    "webhook_secret": "rig-secret-please-change",
    "admin_token": "admin-token-of-the-tests",
    "panelr_url": "https://panel.shop.test",
    "panelr_api_key": "panelr-key-of-the-tests",
}
MAKE_ONE = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
IN_WOO = f"{MAKE_ONE}, and enter it in WooCommerce too"
ADDRESS = "set it to your panel's address, for example https://panel.your-shop.com"


def problems(**changes: Any) -> list[str]:
    try:
        require_ready(Settings(**(GOOD | changes)))
    except ConfigurationError as error:
        return list(error.problems)
    return []


def store(secret: str = "", previous: str = "") -> StoreSettings:
    return StoreSettings.model_validate({"webhook_secret": secret, "webhook_secret_previous": previous})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"panelr_url": "http://10.0.0.7:8443/api/api.php"},
        {"webhook_secret_previous": "the-old-one"},
        {"stores": {"b": store("secret-of-b")}},
        {"stores": {"b": store("secret-of-b")}, "webhook_secret": ""},
        *[
            {"database_url": url}
            for url in ("sqlite:////data/x.db", "postgresql://u:p@h/n", "postgres://h/n", "postgresql+asyncpg://h/n")
        ],
        {"create_on": "pending,failed"},
        {"create_on": "packed", "status_map": "packed:pending"},
    ],
)
def test_these_settings_are_ready(changes: dict[str, Any]) -> None:
    assert problems(**changes) == []


@pytest.mark.parametrize("value", ["", " "])
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("webhook_secret", f"BRIDGE_WEBHOOK_SECRET is missing: {IN_WOO}"),
        ("admin_token", f"BRIDGE_ADMIN_TOKEN is missing: {MAKE_ONE}"),
        ("panelr_api_key", "BRIDGE_PANELR_API_KEY is missing: copy it from Panelr's API settings"),
    ],
)
def test_a_missing_secret_is_named_with_what_to_do(name: str, problem: str, value: str) -> None:
    assert problems(**{name: value}) == [problem]


@pytest.mark.parametrize(
    "value",
    [
        *("changeme", "change-me", "CHANGE_ME_PLEASE", "change this", "replace-me", "your-secret-here", "<secret>"),
        *("secret", "Password", "token", "key", "example", "placeholder", "none", "null", "xxx", " secret ", "todo"),
    ],
)
@pytest.mark.parametrize("name", ["webhook_secret", "admin_token", "panelr_api_key"])
def test_a_placeholder_is_no_secret(name: str, value: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"BRIDGE_{name.upper()} is a placeholder: ")


@pytest.mark.parametrize(
    ("stores", "expected"),
    [
        ({"b": store()}, [f"BRIDGE_STORES__b__WEBHOOK_SECRET is missing: {IN_WOO}"]),
        ({"b": store(previous="old-one")}, [f"BRIDGE_STORES__b__WEBHOOK_SECRET is missing: {IN_WOO}"]),
        ({"b": store("changeme")}, [f"BRIDGE_STORES__b__WEBHOOK_SECRET is a placeholder: {IN_WOO}"]),
    ],
)
@pytest.mark.parametrize("flat", ["", "secret-of-the-default-store"])
def test_every_store_needs_its_secret(stores: Any, expected: list[str], flat: str) -> None:
    assert problems(stores=stores, webhook_secret=flat) == expected


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", f"BRIDGE_PANELR_URL is missing: {ADDRESS}"),
        *[
            (url, f"BRIDGE_PANELR_URL is not an http(s) address: {ADDRESS}")
            for url in ("panel.shop.test", "ftp://panel.shop.test", "https://", "/api/api.php", "https://[panel")
        ],
        *[
            (url, f"BRIDGE_PANELR_URL is a placeholder: {ADDRESS}")
            for url in ("https://panel.example", "https://your-panel.com/api", "http://changeme")
        ],
    ],
)
def test_the_address_of_the_panel_must_be_one(url: str, problem: str) -> None:
    assert problems(panelr_url=url) == [problem]


@pytest.mark.parametrize("url", ["", "bridge.db", "sqlite:///", "sqlite://bridge.db", "mysql://h/n", "postgresql://"])
def test_the_database_must_be_one_of_two(url: str) -> None:
    assert problems(database_url=url) == [
        "BRIDGE_DATABASE_URL is wrong: set sqlite:///path/to/file.db or postgresql://user:password@host/name"
    ]


@pytest.mark.parametrize("status", ["checkout-draft", "auto-draft", "draft", "trash", "new"])
def test_a_work_order_is_never_made_in_these_statuses(status: str) -> None:
    words = "remove it, such an order is not placed yet or was deleted"
    assert problems(create_on=f"processing,wc-{status}") == [f"BRIDGE_CREATE_ON must not contain '{status}': {words}"]


def test_every_status_needs_one_of_panelrs() -> None:
    assert problems(create_on="processing,packed") == [
        "BRIDGE_CREATE_ON contains 'packed', but BRIDGE_STATUS_MAP has no Panelr status for it: add packed:pending"
    ]


@pytest.mark.parametrize(("text", "given"), [("processing:paid", "paid"), ("processing", "")])
def test_panelrs_statuses_are_six(text: str, given: str) -> None:
    six = "pending, pending_payment, payment_submitted, completed, canceled, payment_failed"
    assert problems(status_map=text) == [
        f"BRIDGE_STATUS_MAP maps 'processing' to '{given}', which Panelr does not have: use {six}"
    ]


def test_all_problems_are_named_at_once_and_no_value_of_a_secret() -> None:
    with pytest.raises(ConfigurationError) as caught:
        require_ready(
            Settings(**{**GOOD, "webhook_secret": "changeme-7391", "admin_token": "", "panelr_url": "nowhere"})
        )
    assert [problem.split(" ")[0] for problem in caught.value.problems] == [
        *("BRIDGE_WEBHOOK_SECRET", "BRIDGE_ADMIN_TOKEN", "BRIDGE_PANELR_URL")
    ]
    assert str(caught.value) == "; ".join(caught.value.problems)
    assert "7391" not in str(caught.value)
    assert "panelr-key-of-the-tests" not in str(caught.value)


def test_the_password_of_the_database_is_not_told() -> None:
    assert "hunter2" not in "".join(problems(database_url="mysql://user:hunter2@host/name"))


SHOP = {"woo_url": "https://shop.test", "woo_key": "ck_1", "woo_secret": "cs_1"}
SHOPS_ADDRESS = "set it to your shop's address, for example https://www.your-shop.com"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"woo_url": "http://10.0.0.7:8000/folder/wp-json/"},
        *[{"woo_orders_api": path} for path in ("wc/v3", "myplugin/v1/woo", "/myplugin/v1/woo/")],
    ],
)
def test_these_settings_of_a_shops_api_are_ready(changes: dict[str, str]) -> None:
    assert problems(**(SHOP | changes)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"woo_url": "shop.test"}, [f"BRIDGE_WOO_URL is not an http(s) address: {SHOPS_ADDRESS}"]),
        ({"woo_url": "https://shop.example"}, [f"BRIDGE_WOO_URL is a placeholder: {SHOPS_ADDRESS}"]),
        ({"woo_url": ""}, [f"BRIDGE_WOO_URL is missing, but BRIDGE_WOO_KEY or WOO_SECRET is set: {SHOPS_ADDRESS}"]),
        ({"woo_secret": ""}, ["BRIDGE_WOO_SECRET is missing: "]),
        ({"woo_key": ""}, ["BRIDGE_WOO_KEY is missing: "]),
        ({"woo_key": "ck_xxxxxxxx", "woo_secret": "changeme"}, ["BRIDGE_WOO_KEY is a ", "BRIDGE_WOO_SECRET is a "]),
        *[
            ({"woo_orders_api": path}, ["BRIDGE_WOO_ORDERS_API is not a path below /wp-json: set wc/v3"])
            for path in ("orders", "https://shop.test/wp-json", "my plugin/v1", "")
        ],
    ],
)
def test_a_shops_api_is_named_with_what_to_do(changes: dict[str, str], expected: list[str]) -> None:
    flat = problems(**(SHOP | changes))
    assert [said.startswith(words) for said, words in zip(flat, expected, strict=True)] == [True] * len(expected)
    second = StoreSettings.model_validate({"webhook_secret": "secret-of-b", **SHOP, **changes})
    assert problems(stores={"b": second}) == [said.replace("BRIDGE_", "BRIDGE_STORES__b__", 2) for said in flat]


def test_a_shop_whose_api_alone_is_set_still_needs_its_webhook_secret() -> None:
    assert problems(**SHOP, webhook_secret="", stores={"b": store("secret-of-b")}) == [
        f"BRIDGE_WEBHOOK_SECRET is missing: {IN_WOO}"
    ]


@pytest.mark.parametrize("path", ["kasse", "/kasse/", "shop/kasse", "k\u00e4sse", "bestellung-erhalten"])
def test_the_checkout_page_is_a_path(path: str) -> None:
    assert problems(checkout_page=path, order_received_endpoint=path) == []


@pytest.mark.parametrize("path", ["https://shop.test/kasse", "kasse?page=1", "kasse#top", "my page", "k" * 201])
def test_a_checkout_page_that_is_no_path_is_named(path: str) -> None:
    words = "is not a path in the shop: set only what stands there, such as kasse"
    assert problems(checkout_page=path) == [f"BRIDGE_CHECKOUT_PAGE {words}"]
    assert problems(order_received_endpoint=path) == [f"BRIDGE_ORDER_RECEIVED_ENDPOINT {words}"]
