"""When a shop is asked for a first order, and what a write-back writes to an order that continues another."""

from typing import Any

import pytest

from panelr_bridge.application.follow_ups import relation as relation_follow_up
from panelr_bridge.application.follow_ups.write_back import wanted_content
from panelr_bridge.domain.follow_up_rules import Cancel, FollowUpState, HeldOrder, Schedule, StoreOptions
from panelr_bridge.domain.models import FollowUpKind, PluginKeys
from panelr_bridge.domain.relation import read_relation
from tests.support.decisions import meta
from tests.support.planned_orders import NOW, created, snapshot, wanted

KIND = FollowUpKind.RELATION
WRITES = StoreOptions(url="https://shop.test/", writes_back=True)
OWED, DONE = FollowUpState(content={}, owed=True), FollowUpState(content={}, done_at=NOW)
ASKED = Schedule(KIND, NOW, {"subscriptions": [459]})


@pytest.mark.parametrize(
    ("subscriptions", "state", "expected"),
    [
        ((459,), None, ASKED),
        ((459,), DONE, ASKED),
        ((459,), OWED, None),
        ((), OWED, Cancel(KIND)),
        ((), DONE, None),
        ((), None, None),
        (tuple(range(1, 21)), None, Schedule(KIND, NOW, {"subscriptions": [1, 2, 3, 4, 5]})),
    ],
)
def test_the_shop_is_asked_once_for_the_subscriptions_of_a_held_order(
    subscriptions: tuple[int, ...], state: FollowUpState | None, expected: Any
) -> None:
    """A further snapshot of the order does not begin the hour again."""
    states = {} if state is None else {KIND: state}
    held = HeldOrder(
        order=snapshot(), now=NOW, follow_ups=states, lacks_lines=False, unknown_subscriptions=subscriptions
    )
    assert relation_follow_up.plan(held) == expected


def content_of(*, keys: PluginKeys = PluginKeys.AUTO, **changes: Any) -> dict[str, Any]:
    one = created(changes, store=StoreOptions(url="https://shop.test/", writes_back=True, plugin_keys=keys))
    return wanted_content(_with_relation(one), {})


def _with_relation(one: Any) -> Any:
    return created({}, order=one.order, store=one.store, relation=read_relation(one.order))


@pytest.mark.parametrize("key", ["_subscription_renewal", "_subscription_resubscribe", "_subscription_switch"])
@pytest.mark.parametrize("keys", list(PluginKeys))
def test_an_order_that_renews_says_whose_keys_it_carries(key: str, keys: PluginKeys) -> None:
    written = content_of(keys=keys, meta_data=meta(**{key: "459"}))["meta"]
    assert written["panelr_order_id"] == "20"
    assert "_panelr_order_id" not in written


def test_a_first_order_does_not_say_whose_keys_it_carries() -> None:
    assert "panelr_order_id" not in content_of(meta_data=meta(subscriptions=[532]))["meta"]


@pytest.mark.parametrize("flag", ["has_sub_order", "has_wcmp_sub_order", "has_mvx_sub_order"])
@pytest.mark.parametrize(("value", "is_parent"), [("1", True), (1, True), ("yes", True), ("", False), ("0", False)])
def test_a_market_places_order_gets_no_meta(flag: str, value: Any, is_parent: bool) -> None:
    assert (content_of(meta_data=meta(**{flag: value})) == {"meta": {}}) == is_parent


def test_a_market_places_order_is_written_to_once() -> None:
    one = _with_relation(created({"meta_data": meta(has_sub_order="1")}))
    known = {FollowUpKind.WRITE_BACK: FollowUpState(content={"wanted": {"meta": {}}, "noted": True}, done_at=NOW)}
    assert FollowUpKind.WRITE_BACK in wanted(one, shop=WRITES)
    assert FollowUpKind.WRITE_BACK not in wanted(one, shop=WRITES, known=known)


def test_a_sub_order_is_not_written_to() -> None:
    one = _with_relation(created({"parent_id": 567, "created_via": "dokan"}))
    assert FollowUpKind.WRITE_BACK not in wanted(one, shop=WRITES)
