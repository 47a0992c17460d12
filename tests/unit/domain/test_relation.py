"""What an order is to earlier ones, by the keys that shops' plugins write, and what follows for its work order."""

from dataclasses import replace
from typing import Any

import pytest

from panelr_bridge.domain.decision import Adopt, Create, Decision, Hold, Ignore, decide, overridden_by_retry
from panelr_bridge.domain.history import NO_HISTORY, Activation, EarlierOrder, History
from panelr_bridge.domain.models import ItemIntent, MappingTarget, OrderMappings
from panelr_bridge.domain.panelr_values import CustomerLine, CustomerLines
from panelr_bridge.domain.relation import Relation, RelationKind, has_sub_orders, read_relation
from panelr_bridge.woocommerce.order_payload import read_order
from tests.support.bridge_kit import capture, line, order
from tests.support.decisions import MAPPED, POLICY, codes, item, maps, meta, read

RENEWAL = meta(_subscription_renewal="459")
FIRST, RENEWED = RelationKind.FIRST, RelationKind.RENEWAL
SUB_ORDER, CONTINUATION = RelationKind.SUB_ORDER, RelationKind.CONTINUATION
SECOND, SWITCH, RESUBSCRIBED = RelationKind.SECOND_PAYMENT, RelationKind.SWITCH, RelationKind.RESUBSCRIPTION
EMAIL = order()["billing"]["email"]
LINE = CustomerLine(
    activation_id=100, status="active", is_trial=False, plugin_id=None, plugin_name="A", product_name="IPTV"
)


def related(*subscriptions: int, kind: RelationKind = RENEWED, continues: int | None = None) -> Relation:
    """Return a relation; the shop can be asked for those of WooCommerce Subscriptions."""
    return Relation(kind=kind, subscriptions=subscriptions, continues=continues)


KINDS: dict[str, tuple[dict[str, Any], Relation | None]] = {
    "nothing": (order(), None),
    "created via subscription proves nothing": (order(created_via="subscription"), None),
    "wcs renewal": (order(meta_data=RENEWAL), related(459)),
    "wcs renewal, a number": (order(meta_data=meta(_subscription_renewal=459)), related(459)),
    "wcs renewal in a list": (order(meta_data=meta(_subscription_renewal=["459"])), related(459)),
    "wcs renewal of two, in two entries": (
        order(meta_data=[*RENEWAL, {"id": 9, "key": "_subscription_renewal", "value": "460"}]),
        related(459, 460),
    ),
    "wcs early renewal": (
        order(meta_data=meta(_subscription_renewal="459", _subscription_renewal_early="459"), created_via="checkout"),
        related(459),
    ),
    "wcs declined renewal without its other key": (order(meta_data=meta(_failed_renewal_order="yes")), related()),
    "wcs early renewal without its other key": (order(meta_data=meta(_subscription_renewal_early="459")), related(459)),
    "wcs switch without its other key": (
        order(meta_data=meta(_subscription_switch_data={"490": {"switches": {}}})),
        related(kind=SWITCH),
    ),
    "wcs renewal with the data of a switch": (
        order(meta_data=[*RENEWAL, *meta(_subscription_switch_data={"490": {}})]),
        related(459),
    ),
    "wcs renewal in meta of keys and values": (order(meta_data={"_subscription_renewal": "459"}), related(459)),
    "wcs renewal, an empty value": (order(meta_data=meta(_subscription_renewal="")), None),
    "wcs renewal, an unreadable value": (order(meta_data=meta(_subscription_renewal="yes")), related()),
    "wcs switch": (order(meta_data=meta(_subscription_switch="490")), related(490, kind=SWITCH)),
    "wcs resubscription": (order(meta_data=meta(_subscription_resubscribe="496")), related(496, kind=RESUBSCRIBED)),
    "a switch's line meta stays on renewals": (
        line(order(meta_data=RENEWAL), meta_data=meta(_switched_subscription_price_prorated="15")),
        related(459),
    ),
    "yith renewal": (order(meta_data=meta(is_a_renew="yes", subscriptions=["532"])), related(532)),
    "yith renewal, an object of ids": (order(meta_data=meta(is_a_renew="1", subscriptions={"0": 532})), related(532)),
    "yith renewal that was declined": (
        order(meta_data=meta(is_a_renew="yes", subscriptions=["532"], _failed_renewal_order="yes")),
        related(532),
    ),
    "yith renewal without its subscription": (order(meta_data=meta(is_a_renew="yes")), related()),
    "yith first order": (order(meta_data=meta(subscriptions=[532, 533])), related(532, 533, kind=FIRST)),
    "yith says no": (order(meta_data=meta(is_a_renew="no", subscriptions=[532])), related(532, kind=FIRST)),
    "wp swings renewal": (
        order(meta_data=meta(wps_sfw_renewal_order="yes", wps_sfw_subscription="546", wps_sfw_parent_order_id="545")),
        related(546, continues=545),
    ),
    "wp swings renewal, its older keys": (
        order(meta_data=meta(mwb_sfw_renewal_order="yes", mwb_sfw_subscription="546", mwb_sfw_parent_order_id="545")),
        related(546, continues=545),
    ),
    "wp swings renewal that names itself": (
        order(id=31, meta_data=meta(wps_sfw_renewal_order="yes", wps_sfw_parent_order_id="31")),
        related(),
    ),
    "wp swings first order": (order(meta_data=meta(wps_subscription_id="546")), related(546, kind=FIRST)),
    "dokan's vendor": (order(parent_id=567, created_via="dokan"), related(kind=SUB_ORDER, continues=567)),
    "dokan's vendor, by meta": (
        order(parent_id=567, meta_data=meta(_dokan_vendor_id="5")),
        related(kind=SUB_ORDER, continues=567),
    ),
    "dokan's vendor, by its line": (
        line(order(parent_id=567), meta_data=meta(_dokan_parent_order_item_id="697")),
        related(kind=SUB_ORDER, continues=567),
    ),
    "dokan's parent": (order(created_via="checkout", meta_data=meta(has_sub_order="1")), None),
    "dokan's vendor with copied renewal keys": (
        order(parent_id=567, created_via="dokan", meta_data=meta(subscriptions=[5])),
        related(kind=SUB_ORDER, continues=567),
    ),
    "dokan's vendor of a renewal, with its keys": (
        order(parent_id=567, created_via="dokan", meta_data=RENEWAL),
        related(kind=SUB_ORDER, continues=567),
    ),
    "a renewal with a parent": (order(parent_id=567, meta_data=RENEWAL), related(459)),
    "dokan's vendor that names itself": (
        order(id=31, parent_id=31, created_via="dokan"),
        related(kind=CONTINUATION, continues=31),
    ),
    "the rest of a deposit without its parent": (order(created_via="wc_deposits"), related(kind=SECOND)),
    "dokan's vendor's part of a renewal": (
        order(parent_id=567, created_via="dokan", meta_data=RENEWAL),
        related(kind=SUB_ORDER, continues=567),
    ),
    "a renewal whose id is no id": (order(meta_data=meta(_subscription_renewal="0" * 18 + "19" + "9" * 30)), related()),
    "a renewal with thousands of digits": (
        order(meta_data=meta(_subscription_renewal="0" * 18 + "1" + "9" * 5000)),
        related(),
    ),
    "a renewal with an endless list": (order(meta_data=meta(_subscription_renewal="5," * 200 + "6")), related(5)),
    "a renewal with leading zeros": (order(meta_data=meta(_subscription_renewal="00459")), related(459)),
    "another child": (order(parent_id=7), related(kind=CONTINUATION, continues=7)),
    "the rest of a deposit": (
        line(order(parent_id=2140, created_via="wc_deposits"), meta_data=meta(_original_order_id="2140")),
        related(kind=SECOND, continues=2140),
    ),
    "the rest of a deposit without a parent": (
        line(order(), meta_data=meta(_original_order_id=2140)),
        related(kind=SECOND, continues=2140),
    ),
    "the rest of a deposit by its origin": (
        order(parent_id=2140, created_via="WC_Deposits"),
        related(kind=SECOND, continues=2140),
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_relation_is_read(name: str) -> None:
    content, expected = KINDS[name]
    found = read_relation(read(content))
    assert (found and replace(found, can_be_asked=False)) == expected


@pytest.mark.parametrize(("value", "expected"), [("1", True), (True, True), (["1"], True), ("0", False), ([], False)])
def test_a_market_places_order_is_recognised_in_any_form_of_yes(value: Any, expected: bool) -> None:
    entry = {"id": 1, "key": "has_sub_order", "value": value}
    assert has_sub_orders(read(order(meta_data=[entry]))) is expected


def test_a_setting_adds_keys_of_other_plugins() -> None:
    keys = (("_my_renewal", RENEWED), ("_rest_of", SECOND), ("_my_switch", SWITCH))
    assert read_relation(read(order(meta_data=meta(_my_renewal="yes"))), keys) == related()
    found = read_relation(read(order(meta_data=meta(_my_renewal="31"))), keys)
    assert found == replace(related(31), can_be_asked=True)
    assert read_relation(read(order(meta_data=meta(_rest_of="2140"))), keys) == related(kind=SECOND, continues=2140)
    assert read_relation(read(order(meta_data=meta(_my_renewal="no"))), keys) is None


def decided(content: dict[str, Any], history: History = NO_HISTORY, **more: Any) -> Decision:
    """Decide an order whose subscription has this history."""
    mappings = {"mappings": MAPPED, "payment_method_id": None, "revision": 0, "history": history} | more
    return decide(read(content), OrderMappings(**mappings), POLICY)


def known(*activations: Activation, kind: RelationKind = FIRST, number: int = 458, **more: Any) -> EarlierOrder:
    """Return an earlier order that brought or renewed these lines."""
    return EarlierOrder(woo_order_id=number, kind=kind, state="created", activations=activations, **more)


def sent(decision: Decision) -> list[tuple[int, str, int | None]]:
    """Return the items of a work order to create."""
    assert isinstance(decision, Create), decision
    return [(each.product_id, each.intent, each.activation_id) for each in decision.request.items]


def held(decision: Decision) -> list[str]:
    """Return the reason codes of an order that is held."""
    assert isinstance(decision, Hold), decision
    return codes(decision.reasons)


def test_one_mapping_serves_the_first_order_and_its_renewals() -> None:
    history = History(orders=(known(Activation(77, 3)),))
    assert sent(decided(order())) == [(3, "new_activation", None)]
    assert sent(decided(order(meta_data=RENEWAL), history)) == [(3, "renewal", 77)]


@pytest.mark.parametrize("intent", ["new_activation", "trial_upgrade", "Renewal "])
def test_a_lines_copied_intent_says_what_the_first_order_was(intent: str) -> None:
    content = line(order(meta_data=RENEWAL), meta_data=meta(panelr_intent=intent))
    assert sent(decided(content, History(orders=(known(Activation(77, 3)),)))) == [(3, "renewal", 77)]


def test_a_lines_activation_stays() -> None:
    content = line(order(meta_data=RENEWAL), meta_data=meta(_panelr_activation_id="5"))
    assert sent(decided(content, History(orders=(known(Activation(77, 3)),)))) == [(3, "renewal", 5)]


def test_an_unknown_intent_is_held_on_a_renewal_too() -> None:
    content = line(order(meta_data=RENEWAL), meta_data=meta(panelr_intent="refill"))
    assert held(decided(content)) == ["unknown_intent"]


@pytest.mark.parametrize("key", ["_subscription_renewal", "_subscription_resubscribe", "is_a_renew"])
def test_a_renewal_without_a_known_line_is_never_a_new_activation(key: str) -> None:
    assert held(decided(order(meta_data=meta(**{key: "1"})))) == ["no_activation_id"]


def test_a_later_renewal_follows_the_last_one_and_not_the_first_order() -> None:
    """The first order began two subscriptions of one product; a person chose the line of this one."""
    first = known(Activation(77, 3), Activation(78, 3))
    assert held(decided(order(meta_data=RENEWAL), History(orders=(first,)))) == ["no_activation_id"]
    renewed = known(Activation(78, 3), kind=RENEWED, number=460)
    assert sent(decided(order(meta_data=RENEWAL), History(orders=(first, renewed)))) == [(3, "renewal", 78)]


def test_several_known_lines_are_told_apart_by_the_product() -> None:
    first = known(Activation(77, 3), Activation(78, 4))
    assert sent(decided(order(meta_data=RENEWAL), History(orders=(first,)))) == [(3, "renewal", 77)]


def test_another_product_renews_the_only_line() -> None:
    """After a switch the product differs."""
    first = known(Activation(77, 9))
    assert sent(decided(order(meta_data=RENEWAL), History(orders=(first,)))) == [(3, "renewal", 77)]


@pytest.mark.parametrize("product", [3, None])
def test_a_new_product_beside_a_renewed_one_never_gets_its_line(product: int | None) -> None:
    """A customer who resubscribes may have other goods in the cart."""
    content = order(meta_data=RENEWAL, line_items=[item(), item(id=2, product_id=13)])
    both = (maps("product:12", 3), maps("product:13", 4))
    history = History(orders=(known(Activation(77, product)),))
    lines = CustomerLines(EMAIL, (replace(LINE, activation_id=77),))
    assert held(decided(content, history, mappings=both))
    assert held(decided(content, history, mappings=both, lines=lines))


def test_two_equal_lines_renew_two_activations() -> None:
    content = order(meta_data=RENEWAL, line_items=[item(), item(id=2)])
    both = sent(decided(content, History(orders=(known(Activation(77, 3), Activation(78, 3)),))))
    assert both == [(3, "renewal", 77), (3, "renewal", 78)]
    assert held(decided(content, History(orders=(known(Activation(77, 3)),)))) == ["no_activation_id"] * 2


def test_a_bundle_renews_each_of_its_lines() -> None:
    bundle = (maps("product:12", 3), maps("product:12", 4))
    history = History(orders=(known(Activation(77, 3), Activation(78, 4)),))
    assert sent(decided(order(meta_data=RENEWAL), history, mappings=bundle)) == [(3, "renewal", 77), (4, "renewal", 78)]


TWO_PRODUCTS = order(meta_data=RENEWAL, line_items=[item(), item(id=2, product_id=13)])
TWO_MAPPED = (maps("product:12", 3), maps("product:13", 4))


@pytest.mark.parametrize("product_id", [3, None])
def test_one_known_line_is_not_renewed_by_two_products(product_id: int | None) -> None:
    history = History(orders=(known(Activation(77, product_id)),))
    assert "no_activation_id" in held(decided(TWO_PRODUCTS, history, mappings=TWO_MAPPED))


def test_beside_a_known_line_another_item_takes_the_customers_other_line() -> None:
    history = History(orders=(known(Activation(77, 3)),))
    lines = CustomerLines(EMAIL, (LINE, replace(LINE, activation_id=77)))
    assert sent(decided(TWO_PRODUCTS, history, mappings=TWO_MAPPED, lines=lines)) == [
        (3, "renewal", 77),
        (4, "renewal", 100),
    ]
    nothing_left = CustomerLines(EMAIL, (replace(LINE, activation_id=77),))
    assert held(decided(TWO_PRODUCTS, history, mappings=TWO_MAPPED, lines=nothing_left)) == ["no_fitting_line"]


def test_a_line_that_a_person_chose_for_one_item_is_no_other_items() -> None:
    history = History(orders=(known(Activation(77, 3)),), chosen=(77,))
    assert held(decided(TWO_PRODUCTS, history, mappings=TWO_MAPPED)) == ["no_activation_id"]


@pytest.mark.parametrize("intent", [{}, {"_panelr_intent": "new_activation"}])
def test_a_copied_activation_of_zero_is_none(intent: dict[str, str]) -> None:
    content = line(order(meta_data=RENEWAL), meta_data=meta(**intent, _panelr_activation_id="0"))
    assert sent(decided(content, History(orders=(known(Activation(77, 3)),)))) == [(3, "renewal", 77)]


def test_a_renewal_waits_for_its_first_order_and_guesses_no_other_line() -> None:
    history = History(orders=(known(awaits_line=True, reference_code="WO-2026-00007"),))
    lines = CustomerLines(EMAIL, (LINE,))
    decision = decided(order(meta_data=RENEWAL), history, lines=lines)
    assert held(decision) == ["awaits_first_order"]
    assert "order 458 (work order WO-2026-00007)" in decision.reasons[0].words


def test_the_shop_is_asked_before_panelr() -> None:
    lines = CustomerLines(EMAIL, (LINE,))
    assert held(decided(order(meta_data=RENEWAL), History(may_ask=True), lines=lines)) == ["first_order_unknown"]
    assert sent(decided(order(meta_data=RENEWAL), History(), lines=lines)) == [(3, "renewal", 100)]


def test_the_customers_lines_choose_among_several_known_ones() -> None:
    first = known(Activation(77, 3), Activation(100, 3))
    others = CustomerLines(EMAIL, (LINE, replace(LINE, activation_id=300)))
    assert sent(decided(order(meta_data=RENEWAL), History(orders=(first,)), lines=others)) == [(3, "renewal", 100)]


def test_what_a_person_chose_comes_first() -> None:
    history = History(orders=(known(Activation(77, 3)),), chosen=(5,))
    assert sent(decided(order(meta_data=RENEWAL), history)) == [(3, "renewal", 5)]


def test_panelrs_keys_on_a_renewal_are_the_first_orders() -> None:
    marks = meta(panelr_work_order_id="7", panelr_reference_code="WO-1", _panelr_state="held")
    history = History(orders=(known(Activation(77, 3)),))
    assert sent(decided(order(meta_data=[*RENEWAL, *marks]), history)) == [(3, "renewal", 77)]
    assert isinstance(decided(order(meta_data=meta(panelr_reference_code="WO-1"))), Adopt)
    assert isinstance(decided(order(meta_data=meta(subscriptions=[5], panelr_reference_code="WO-1"))), Adopt)


def test_a_copied_balance_payment_is_no_reason_to_ignore_a_renewal() -> None:
    content = order(meta_data=[*RENEWAL, *meta(_panelr_balance_payment="1")])
    assert sent(decided(content, History(orders=(known(Activation(77, 3)),)))) == [(3, "renewal", 77)]


def test_a_renewals_own_keys_name_it() -> None:
    """The bridge's write-back names the order, so that a loss of the bridge's tables doubles nothing."""
    own = meta(_subscription_renewal="459", panelr_reference_code="WO-1", panelr_order_id="20")
    assert isinstance(decided(order(id=20, meta_data=own)), Adopt)
    assert isinstance(decided(order(id=21, meta_data=own)), Hold)


def test_a_switch_is_held_until_a_person_decides() -> None:
    content = order(meta_data=meta(_subscription_switch="459"))
    history = History(orders=(known(Activation(77, 9)),))
    assert held(decided(content, history)) == ["switch"]
    assert sent(decided(content, history, overridden=frozenset({"switch"}))) == [(3, "renewal", 77)]
    assert held(decided(content, overridden=frozenset({"switch"}))) == ["no_activation_id"]


def test_the_rest_of_a_deposit_is_held_and_names_the_work_order() -> None:
    content = line(order(parent_id=458), meta_data=meta(_original_order_id="458"))
    decision = decided(content, History(orders=(known(reference_code="WO-2026-00007"),)))
    assert held(decision) == ["second_payment"]
    assert "order 458 (work order WO-2026-00007)" in decision.reasons[0].words
    assert sent(decided(content, overridden=frozenset({"second_payment"}))) == [(3, "new_activation", None)]


def test_a_vendors_part_is_ignored_whatever_its_status() -> None:
    for status in ("processing", "pending", "cancelled"):
        decision = decided(order(parent_id=458, created_via="dokan", status=status))
        assert isinstance(decision, Ignore)
        assert codes(decision.reasons) == ["sub_order"]


def test_no_retry_sends_a_vendors_part_since_its_order_may_still_come() -> None:
    content = order(parent_id=458, created_via="dokan")
    assert isinstance(decided(content, overridden=frozenset({"sub_order"})), Ignore)
    assert overridden_by_retry({"sub_order"}) == set()


def test_another_child_is_held_and_a_retry_sends_it() -> None:
    content = order(parent_id=458)
    assert held(decided(content)) == ["continues_order"]
    assert sent(decided(content, overridden=frozenset({"continues_order"}))) == [(3, "new_activation", None)]


def test_an_order_with_nothing_for_panelr_is_ignored_whatever_it_continues() -> None:
    nothing = (MappingTarget(key="product:12", panelr_product_id=None, intent=ItemIntent.NEW_ACTIVATION, quantity=1),)
    for content in (order(parent_id=7), order(meta_data=meta(_subscription_switch="459")), order(meta_data=RENEWAL)):
        assert isinstance(decided(content, mappings=nothing), Ignore)


def test_a_pending_renewal_waits_for_its_payment() -> None:
    decision = decided(order(meta_data=RENEWAL, status="pending"))
    assert codes(decision.reasons) == ["status_not_called_for"]


def test_hostile_meta_is_no_relation_and_no_fault() -> None:
    for value in ([], {}, None, False, "no", "0", [[1]], {"a": {"b": 1}}, "9" * 400, -5, "<script>", 1.5, True):
        content = order(meta_data=meta(_subscription_renewal=value, subscriptions=value, wps_subscription_id=value))
        found = read_relation(read(content))
        assert found is None or all(0 < each < 2**63 for each in found.subscriptions)
    many = read_relation(read(order(meta_data=meta(is_a_renew="yes", subscriptions=list(range(1, 5000))))))
    assert many is not None
    assert len(many.subscriptions) == 20
    odd_keys = [{"key": ["_subscription_renewal"], "value": "1"}, {"key": {"a": 1}, "value": 2}, *RENEWAL]
    found = read_relation(read(order(meta_data=odd_keys)))
    assert found is not None
    assert found.subscriptions == (459,)


def test_captured_orders_without_a_relation_have_none() -> None:
    for number in ("007", "014", "018", "022", "074"):
        assert read_relation(read_order(capture(number)[1])) is None
