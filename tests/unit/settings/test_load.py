"""Settings from the environment and `.env`, and the errors for wrong ones."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from panelr_bridge.domain.models import OrderPolicy, UnmappedLines, WcOrderId
from panelr_bridge.domain.relation import RelationKind
from panelr_bridge.errors import ConfigurationError
from panelr_bridge.settings import Settings, StoreSettings, load_settings

DEFAULT_STATUS_MAP = {
    "pending": "pending_payment",
    "on-hold": "pending_payment",
    "processing": "payment_submitted",
    "completed": "payment_submitted",
    "cancelled": "canceled",
    "refunded": "canceled",
    "failed": "payment_failed",
}


def loaded(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(f"BRIDGE_{name}", value)
    return load_settings(None)


def refused(monkeypatch: pytest.MonkeyPatch, **environment: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(monkeypatch, **environment)
    return caught.value.problems


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = load_settings(None)
    assert settings.database_url == "sqlite:///data/bridge.db"
    assert (settings.host, settings.port, settings.worker, settings.log_format) == ("127.0.0.1", 8080, True, "json")
    assert (settings.panelr_rate_per_minute, settings.panelr_timeout_seconds) == (120, 25)
    assert (settings.sync_budget_seconds, settings.grace_seconds) == (10, 20)
    assert settings.max_body_bytes == 8_388_608
    assert settings.retry_schedule_seconds == (5, 30, 120, 600, 1800, 3600, 10800)
    assert settings.policy == OrderPolicy(
        create_on=frozenset({"on-hold", "processing", "completed"}),
        status_map=tuple(sorted(DEFAULT_STATUS_MAP.items())),
        unmapped_lines=UnmappedLines.HOLD,
        wc_order_id=WcOrderId.ID,
        require_payment_method=False,
    )
    assert settings.all_stores == {}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T12:30:00", datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
        ("2026-11-01T12:30:00+02:00", datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
        ("2026-11-01T12:30:00Z", datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
    ],
)
def test_the_date_from_which_orders_count_is_a_date_or_a_time(
    monkeypatch: pytest.MonkeyPatch, text: str, moment: datetime
) -> None:
    settings = loaded(monkeypatch, ORDERS_SINCE=text, WEBHOOK_SECRET="x" * 20, STORES__eu__WEBHOOK_SECRET="y" * 20)
    assert settings.policy.orders_since == {"default": moment}


@pytest.mark.parametrize("text", ["yesterday", "30 days", "2026-13-01", "0"])
def test_another_date_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (problem,) = refused(monkeypatch, ORDERS_SINCE=text)
    assert problem.startswith("BRIDGE_ORDERS_SINCE: ")
    assert "set it like 2026-11-01" in problem


def test_each_store_names_the_addresses_of_its_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(
        monkeypatch,
        WEBHOOK_SECRET="x" * 20,
        SHOP_ADDRESSES="https://www.my-shop.com, http://my-shop.de/de/",
        STORES__eu__WEBHOOK_SECRET="y" * 20,
        STORES__eu__WOO_URL="https://my-shop.eu",
    )
    assert settings.policy.sources == {"default": {"my-shop.com", "my-shop.de"}, "eu": {"my-shop.eu"}}
    (problem,) = refused(monkeypatch, SHOP_ADDRESSES="https://my-shop.com,my-shop.de")
    assert problem.endswith("my-shop.de is not an http(s) address: set it like https://www.your-shop.com")


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(
        monkeypatch,
        PANELR_URL="https://panel.test",
        PANELR_API_KEY="k",
        PORT="443",
        WORKER="false",
        UNMAPPED_LINES="skip",
        WC_ORDER_ID="order_key",
        GRACE_SECONDS="0.5",
        REQUIRE_PAYMENT_METHOD="true",
    )
    assert (settings.panelr_url, settings.panelr_api_key) == ("https://panel.test", SecretStr("k"))
    assert (settings.port, settings.worker, settings.grace_seconds) == (443, False, 0.5)
    assert settings.policy.unmapped_lines is UnmappedLines.SKIP
    assert settings.policy.wc_order_id is WcOrderId.ORDER_KEY
    assert settings.policy.require_payment_method is True


def test_env_is_read_and_the_environment_goes_before_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text('# a comment\nBRIDGE_HOST="0.0.0.0"\nBRIDGE_PORT=443\nBRIDGE_ADMIN_TOKEN=zoë\nOTHER=1\n', "utf-8")
    monkeypatch.setenv("BRIDGE_PORT", "80")
    settings = load_settings(file)
    assert (settings.host, settings.port, settings.admin_token) == ("0.0.0.0", 80, SecretStr("zoë"))  # noqa: S104


def test_a_missing_env_file_is_none(tmp_path: Path) -> None:
    assert load_settings(tmp_path / ".env") == load_settings(None)


def test_an_empty_value_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, PORT="", UNMAPPED_LINES="", STORES="") == Settings()


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        ("processing", {"processing"}),
        (" wc-processing, on-hold ,,", {"processing", "on-hold"}),
        ("processing,processing", {"processing"}),
    ],
)
def test_statuses_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch, text: str, statuses: set[str]) -> None:
    assert loaded(monkeypatch, CREATE_ON=text).create_on == statuses


def test_the_retry_schedule_is_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, RETRY_SCHEDULE_SECONDS="1, 2.5,60,").retry_schedule_seconds == (1, 2.5, 60)


def test_the_status_map_changes_the_default_table(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, STATUS_MAP="completed:completed, wc-packed : pending,")
    assert settings.status_map == DEFAULT_STATUS_MAP | {"completed": "completed", "packed": "pending"}


def test_relation_keys_are_pairs_of_kind_and_meta_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_RELATION_KEYS", "renewal:_my_renewal, second_payment : rest:of ,")
    keys = (("_my_renewal", RelationKind.RENEWAL), ("rest:of", RelationKind.SECOND_PAYMENT))
    assert load_settings(None).policy.relation_keys == keys


@pytest.mark.parametrize("text", ["renewal", "renewal:", ":_key", "first:_key", "Renewal:_key", "a:b,renewal:_key"])
def test_a_relation_key_of_no_kind_is_an_error_that_names_the_kinds(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("BRIDGE_RELATION_KEYS", text)
    with pytest.raises(ConfigurationError) as raised:
        load_settings(None)
    kinds = "renewal, resubscription, switch, second_payment, sub_order, continuation"
    words = f"BRIDGE_RELATION_KEYS: its part 1 is not kind:meta key with one of the kinds {kinds}"
    assert list(raised.value.problems) == [words]


def test_stores_with_an_api_are_asked_for_first_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_WEBHOOK_SECRET", "secret-of-the-default-store")
    assert load_settings(None).policy.asks_relations == frozenset()
    for name, value in (("URL", "https://shop.test"), ("KEY", "ck_1"), ("SECRET", "cs_1")):
        monkeypatch.setenv(f"BRIDGE_WOO_{name}", value)
    assert load_settings(None).policy.asks_relations == {"default"}


def test_the_flat_names_are_the_default_store(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, WEBHOOK_SECRET="new", WEBHOOK_SECRET_PREVIOUS="old")
    assert {name: store.secrets() for name, store in settings.all_stores.items()} == {"default": ("new", "old")}


def test_more_stores_have_their_own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(
        monkeypatch,
        WEBHOOK_SECRET="flat",
        STORES__SHOP_2__WEBHOOK_SECRET="two",
        STORES__SHOP_2__WEBHOOK_SECRET_PREVIOUS="two-old",
        STORES__b__WEBHOOK_SECRET="b",
    )
    assert {name: store.secrets() for name, store in settings.all_stores.items()} == {
        "default": ("flat",),
        "shop_2": ("two", "two-old"),
        "b": ("b",),
    }


@pytest.mark.parametrize(("current", "previous"), [("", ""), ("a", ""), ("", "b"), ("a", "b")])
def test_an_empty_secret_is_none(current: str, previous: str) -> None:
    store = StoreSettings(webhook_secret=SecretStr(current), webhook_secret_previous=SecretStr(previous))
    assert store.secrets() == tuple(secret for secret in (current, previous) if secret != "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("PORT", value) for value in ("0", "65536", "http", "8080.5")],
        *[("WORKER", "perhaps"), ("LOG_FORMAT", "xml"), ("UNMAPPED_LINES", "drop"), ("WC_ORDER_ID", "uuid")],
        *[("MAX_BODY_BYTES", "1023"), ("PANELR_RATE_PER_MINUTE", "0"), ("WAKE_IGNORED_DAYS", "-1")],
        *[("PANELR_TIMEOUT_SECONDS", value) for value in ("0", "301", "nan", "inf")],
        *[("SYNC_BUDGET_SECONDS", value) for value in ("-1", "51", "nan")],
        *[("GRACE_SECONDS", value) for value in ("0", "-1", "nan", "inf")],
        *[("RETRY_SCHEDULE_SECONDS", value) for value in (",", "5,soon", "5,inf", "nan", "0", "5,-1", "5,0,10")],
        ("STORES", "no JSON"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    problems = refused(monkeypatch, **{name: value})
    assert [problem.partition(":")[0] for problem in problems] == [f"BRIDGE_{name}"]


def test_every_value_that_cannot_be_used_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = refused(monkeypatch, PORT="x", LOG_FORMAT="y", STORES__A__COLOUR="blue")
    assert [problem.partition(":")[0] for problem in problems] == [
        *("BRIDGE_PORT", "BRIDGE_LOG_FORMAT", "BRIDGE_STORES__A__COLOUR")
    ]


@pytest.mark.parametrize(
    "environment",
    [
        {"STORES__A__WEBHOOK_SECRETS": "hunter2-hunter2"},
        {"STORES": '["hunter2-hunter2"]'},
        {"STORES": "hunter2-hunter2"},
        {"STORES": '{"a": "hunter2-hunter2"}'},
        {"PORT": "hunter2-hunter2"},
        {"RETRY_SCHEDULE_SECONDS": "hunter2-hunter2"},
    ],
)
def test_a_value_is_never_repeated_because_it_may_be_a_secret(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    assert "hunter2" not in str(refused(monkeypatch, **environment))


def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = dict.fromkeys(
        ("WEBHOOK_SECRET", "WEBHOOK_SECRET_PREVIOUS", "ADMIN_TOKEN", "PANELR_API_KEY"), "hunter2"
    )
    settings = loaded(monkeypatch, **names, STORES__A__WEBHOOK_SECRET="hunter2")
    assert "hunter2" not in f"{settings!r} {settings} {settings.all_stores}"


def test_every_store_has_an_api_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(
        monkeypatch,
        WOO_URL="https://a.test",
        WOO_KEY="ck_a",
        WOO_SECRET="cs_a",
        STORES__b__WEBHOOK_SECRET="b",
        STORES__b__WOO_URL="https://b.test",
        STORES__b__WOO_ORDERS_API="myplugin/v1/woo",
    )
    apis = {name: (store.woo_url, store.woo_orders_api) for name, store in settings.all_stores.items()}
    assert apis == {"default": ("https://a.test", "wc/v3"), "b": ("https://b.test", "myplugin/v1/woo")}
    flat = settings.all_stores["default"]
    assert (flat.woo_key, flat.woo_secret) == (SecretStr("ck_a"), SecretStr("cs_a"))
    assert "cs_a" not in f"{settings!r} {settings.all_stores}"
