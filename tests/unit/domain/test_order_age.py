"""Which orders are too old for a work order, and which were erased."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from panelr_bridge.domain.decision import Adopt, Create, Decision, Hold, Ignore, changes_since, decide
from panelr_bridge.domain.models import KnownStore, OrderMappings, OrderPolicy
from panelr_bridge.domain.order_age import orders_since
from tests.support.bridge_kit import line, order
from tests.support.decisions import MAPPINGS, POLICY, read
from tests.support.held_table import email, meta

SEEN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STORE = KnownStore("default", SEEN)
OLD = {"date_created_gmt": "2026-10-21T11:59:59"}
NEW = {"date_created_gmt": "2026-10-21T12:00:00"}


def judged(content: dict[str, Any], *, policy: OrderPolicy = POLICY, **known: Any) -> Decision:
    return decide(read(content), replace(MAPPINGS, store=STORE, **known), policy)


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def test_orders_count_from_thirty_days_before_the_store_was_first_seen() -> None:
    old, new = judged(order(**OLD)), judged(order(**NEW))
    assert isinstance(old, Ignore)
    assert codes(old) == ["older_than_bridge"]
    assert isinstance(new, Create)


def test_a_date_in_the_settings_counts_instead_for_its_store_only() -> None:
    earlier = replace(POLICY, orders_since={"default": SEEN - timedelta(days=400)})
    elsewhere = replace(POLICY, orders_since={"eu": SEEN - timedelta(days=400)})
    later = replace(POLICY, orders_since={"default": SEEN})
    assert isinstance(judged(order(**OLD), policy=earlier), Create)
    assert isinstance(judged(order(**OLD), policy=elsewhere), Ignore)
    assert isinstance(judged(order(**NEW), policy=later), Ignore)


def test_no_order_is_old_while_nothing_says_since_when() -> None:
    assert orders_since(KnownStore("default"), POLICY) is None
    assert isinstance(decide(read(order(**OLD)), MAPPINGS, POLICY), Create)


@pytest.mark.parametrize("date", [None, "", "yesterday", "0000-00-00T00:00:00", "1970-01-01T00:00:00", [], {}, 17])
def test_a_date_that_is_missing_or_cannot_be_read_makes_no_order_old(date: Any) -> None:
    assert isinstance(judged(order(date_created_gmt=date)), Create)


def test_the_local_date_of_an_older_api_counts_where_there_is_no_other() -> None:
    content = order() | {"date_created": "2019-03-01T10:00:00"}
    del content["date_created_gmt"]
    assert codes(judged(content)) == ["older_than_bridge"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "pending"},
        {"status": "cancelled"},
        {"status": "on-hold"},
        {"line_items": [order()["line_items"][0] | {"product_id": 99, "sku": "UNMAPPED"}]},
        email("nobody at all"),
        {"total": "NAN"},
        meta(_panelr_state="held"),
    ],
    ids=["pending", "cancelled", "on-hold", "unmapped", "odd e-mail", "unreadable", "of the plugin"],
)
def test_an_old_order_is_ignored_whatever_else_is_the_matter(changes: dict[str, Any]) -> None:
    decision = judged(order(**(OLD | changes)))
    assert isinstance(decision, Ignore)
    assert codes(decision) == ["older_than_bridge"]
    assert not decision.by_mappings


def test_an_old_order_with_a_work_order_is_adopted() -> None:
    assert isinstance(judged(order(**OLD, **meta(_panelr_reference_code="WO-2026-00001"))), Adopt)


def test_a_person_overrides_the_age_and_nothing_else() -> None:
    overridden = frozenset({"older_than_bridge"})
    assert isinstance(judged(order(**OLD), overridden=overridden), Create)
    unmapped = line(order(**OLD), product_id=99, sku="UNMAPPED")
    assert isinstance(judged(unmapped, overridden=overridden), Hold)


@pytest.mark.parametrize(
    "changes",
    [
        email("deleted@site.invalid"),
        email("Deleted@Site.Invalid"),
        meta(_anonymized="yes"),
        email("") | meta(_anonymized="yes"),
    ],
    ids=["address", "capitals", "meta", "meta without an address"],
)
def test_an_erased_order_gets_no_work_order_even_if_a_person_retries_it(changes: dict[str, Any]) -> None:
    decision = judged(order(**(NEW | changes)), overridden=frozenset({"older_than_bridge", "erased"}))
    assert isinstance(decision, Ignore)
    assert codes(decision) == ["erased"]


def test_an_order_that_was_erased_after_its_creation_has_no_changed_address() -> None:
    sent, erased = read(order()), read(order(**email("deleted@site.invalid")))
    assert changes_since(sent=sent, now=erased) == ()
    assert [reason.code for reason in changes_since(sent=sent, now=read(order(**email("other@example.test"))))] == [
        "email_changed"
    ]


def test_mappings_know_no_store_by_default() -> None:
    assert OrderMappings(mappings=(), payment_method_id=None, revision=0).store == KnownStore()
