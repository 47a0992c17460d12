"""Which shop sent an order, and which addresses are one shop."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from panelr_bridge.domain.decision import Create, Hold, Ignore, Wait, decide
from panelr_bridge.domain.models import KnownStore, OrderPolicy
from panelr_bridge.domain.order_identity import is_other_key, is_other_source, read_source, sender, source_to_learn
from tests.support.bridge_kit import order
from tests.support.decisions import MAPPINGS, POLICY, read
from tests.support.held_table import meta

SEEN = datetime(2026, 11, 20, tzinfo=UTC)
STORE = KnownStore("default", SEEN, "shop.test")
NAMED = replace(POLICY, sources={"default": frozenset({"shop.test", "shop.example"})})


@pytest.mark.parametrize(
    "address",
    [
        "https://shop.test",
        "http://shop.test/",
        "https://www.shop.test/",
        "https://SHOP.test:443/de/?a=1",
        "http://shop.test:80",
        " https://shop.test. ",
        "https://user:password@shop.test",
    ],
)
def test_one_shop_has_one_source_however_its_address_is_written(address: str) -> None:
    assert read_source(address) == "shop.test"


def test_another_host_or_port_is_another_source() -> None:
    written = (
        "https://staging.shop.test",
        "https://shop.test:8443",
        "https://shop.test.evil",
        "http://127.0.0.1:8000/",
    )
    assert [read_source(each) for each in written] == [
        *("staging.shop.test", "shop.test:8443", "shop.test.evil", "127.0.0.1:8000"),
    ]


@pytest.mark.parametrize(
    "address", ["", "shop", "ftp://shop.test", "https://", "https://[::", "http://a:99999", "\x00"]
)
def test_what_is_no_address_is_no_source(address: str) -> None:
    assert read_source(address) == ""


def test_an_empty_key_matches_all() -> None:
    assert is_other_key("wc_order_a", "wc_order_b")
    assert not is_other_key("wc_order_a", "wc_order_a")
    assert not is_other_key("", "wc_order_b")
    assert not is_other_key("wc_order_a", "")


@pytest.mark.parametrize(
    ("source", "policy", "store", "is_other"),
    [
        ("shop.test", POLICY, STORE, False),
        ("staging.test", POLICY, STORE, True),
        ("", POLICY, STORE, False),
        ("staging.test", POLICY, KnownStore("default", SEEN), False),
        ("shop.example", NAMED, STORE, False),
        ("staging.test", NAMED, KnownStore("default", SEEN), True),
        ("staging.test", NAMED, KnownStore("eu", SEEN), False),
    ],
)
def test_a_source_is_another_shop_where_the_stores_own_is_known(
    source: str, policy: OrderPolicy, store: KnownStore, is_other: bool
) -> None:
    assert is_other_source(source, store, policy) is is_other


def test_the_first_delivery_says_which_shop_the_stores_is_unless_the_settings_do() -> None:
    new = KnownStore("default", SEEN)
    assert source_to_learn("shop.test", new, POLICY) == "shop.test"
    assert source_to_learn("staging.test", new, NAMED) is None
    assert source_to_learn("shop.test", new, NAMED) == "shop.test"
    assert source_to_learn("", new, POLICY) is None
    assert source_to_learn("staging.test", STORE, POLICY) is None


def test_a_shop_that_moved_is_known_by_its_new_address_only_once_it_delivered_from_there() -> None:
    left = KnownStore("default", SEEN, "old.test")
    assert not is_other_source("old.test", left, NAMED)
    assert source_to_learn("old.test", left, NAMED) is None
    assert source_to_learn("shop.example", left, NAMED) == "shop.example"
    assert is_other_source("old.test", replace(left, source="shop.example"), NAMED)


def test_an_order_keeps_its_shop_until_the_stores_own_sends_it() -> None:
    assert sender("staging.test", known="", store=STORE, policy=POLICY) == "staging.test"
    assert sender("staging.test", known="shop.test", store=STORE, policy=POLICY) == "shop.test"
    assert sender("shop.test", known="staging.test", store=STORE, policy=POLICY) == "shop.test"
    assert sender("", known="staging.test", store=STORE, policy=POLICY) == ""
    assert sender("", known="shop.test", store=STORE, policy=POLICY) == "shop.test"


def test_an_order_of_another_shop_is_held_if_it_calls_for_a_work_order() -> None:
    other = replace(MAPPINGS, store=STORE, source="staging.test")
    held = decide(read(order()), other, POLICY)
    assert isinstance(held, Hold)
    assert [reason.code for reason in held.reasons] == ["other_source"]
    assert "staging.test" in held.reasons[0].words
    assert "BRIDGE_SHOP_ADDRESSES" in held.reasons[0].words
    assert isinstance(decide(read(order(status="pending")), other, POLICY), Wait)
    assert isinstance(decide(read(order(status="cancelled")), other, POLICY), Ignore)
    assert isinstance(decide(read(order(date_created_gmt="2019-01-01T00:00:00")), other, POLICY), Ignore)
    assert isinstance(decide(read(order()), replace(other, source="shop.test"), POLICY), Create)


def test_a_staging_copys_meta_adopts_no_work_order() -> None:
    other = replace(MAPPINGS, store=STORE, source="staging.test")
    assert isinstance(decide(read(order(**meta(_panelr_reference_code="WO-2026-00001"))), other, POLICY), Hold)
