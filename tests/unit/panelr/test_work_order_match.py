"""Which work order in a customer's list is the one whose answer was lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace as change

from panelr_bridge.domain.models import CartItem, ItemIntent, WorkOrderRequest
from panelr_bridge.domain.panelr_values import ListedItem, ListedWorkOrder, ProductNames, WorkOrder
from panelr_bridge.panelr.work_order_match import (
    AmbiguousMatch,
    Match,
    MatchFound,
    NamesNeeded,
    NoMatch,
    fingerprint,
    match,
)

SENT = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
LOOKED = SENT + timedelta(minutes=10)
PRODUCTS: ProductNames = {
    ("IPTV 1 Month", None): frozenset({1}),
    ("IPTV 12 Months", None): frozenset({2}),
    ("Panel Credits 1000", None): frozenset({3}),
}
REQUEST = WorkOrderRequest(
    customer_email="ada@example.test",
    status="payment_submitted",
    items=(
        CartItem(product_id=3, intent=ItemIntent.NEW_ACTIVATION, qty=2),
        CartItem(product_id=1, intent=ItemIntent.RENEWAL, qty=1, activation_id=77),
    ),
    wc_order_id="20",
)
CREDITS = ListedItem(
    name="Panel Credits 1000",
    qty=2,
    intent="new_activation",
    product_id=None,
    wc_order_id=None,
    shows_wc_order_id=False,
)
MONTH = replace(CREDITS, name="IPTV 1 Month", qty=1, intent="renewal")


def listed(code: str, *items: ListedItem, at: datetime | None = SENT) -> ListedWorkOrder:
    return ListedWorkOrder(work_order=WorkOrder(reference_code=code), created_at=at, items=items or (CREDITS, MONTH))


def of(code: str, wc_order_id: str | None, *, at: datetime | None = SENT) -> ListedWorkOrder:
    """Return a work order of a Panelr that shows the shop's order on each item."""
    return listed(code, replace(CREDITS, name="?", wc_order_id=wc_order_id, shows_wc_order_id=True), at=at)


def matched(*entries: ListedWorkOrder, linked: Any = (), products: ProductNames | None = PRODUCTS) -> Match:
    return match(request=REQUEST, first_attempt_at=SENT, listed=entries, linked=linked, products=products, now=LOOKED)


def found(code: str, *, certain: bool) -> MatchFound:
    return MatchFound(WorkOrder(reference_code=code), certain=certain)


def test_a_customer_without_work_orders_has_not_ours() -> None:
    assert matched() == NoMatch()


def test_an_item_that_names_our_order_settles_it_whatever_its_items_time_and_names() -> None:
    assert matched(of("A", "19"), of("B", "20", at=SENT - timedelta(hours=9)), products=None) == found(
        "B", certain=True
    )


def test_one_that_names_our_order_and_is_days_older_is_for_a_person() -> None:
    """A reinstalled shop, or a second shop, numbers its orders from the beginning."""
    assert matched(of("B", "20", at=SENT - timedelta(days=9)), products=None) == AmbiguousMatch(("B",))


def test_one_of_several_items_is_enough() -> None:
    entry = of("B", "20")
    mixed = replace(entry, items=(replace(CREDITS, shows_wc_order_id=True), *entry.items))
    assert matched(mixed) == found("B", certain=True)


@pytest.mark.parametrize("wc_order_id", ["19", "020", "20 "])
def test_where_items_name_orders_and_none_is_ours_it_is_not_there(wc_order_id: str) -> None:
    assert matched(of("A", wc_order_id), listed("B", CREDITS)) == NoMatch()


def test_one_like_ours_that_names_no_order_where_others_do_is_for_a_person() -> None:
    """An empty or missing field does not prove that the work order is another's."""
    nameless = tuple(replace(item, shows_wc_order_id=True) for item in (CREDITS, MONTH))
    assert matched(of("A", "19"), listed("B")) == AmbiguousMatch(("B",))
    assert matched(listed("B", *nameless)) == AmbiguousMatch(("B",))
    assert matched(of("A", "19", at=SENT - timedelta(days=365)), listed("B"), products=None) == NamesNeeded()


def test_two_that_name_our_order_are_for_a_person() -> None:
    assert matched(of("A", "20"), of("B", "20")) == AmbiguousMatch(("A", "B"))


@pytest.mark.parametrize("linked", [{"A"}, ["A", "Z"]])
def test_a_work_order_of_another_order_is_not_ours(linked: Any) -> None:
    assert matched(of("A", "19"), linked=linked) == NoMatch()
    assert matched(listed("A"), linked=linked) == NoMatch()
    assert matched(listed("A"), listed("B"), linked=linked) == found("B", certain=False)


def test_one_that_names_our_order_and_is_another_orders_is_a_persons_choice() -> None:
    """After a restore from a backup Panelr uses codes again, so the work order may be ours."""
    assert matched(of("A", "20"), linked={"A"}) == AmbiguousMatch(("A",))
    old = of("A", "20", at=SENT - timedelta(days=30))
    assert matched(old, linked={"A"}) == NoMatch()
    assert matched(of("A", "20"), of("B", "20"), linked={"A"}) == found("B", certain=True)


def test_the_only_one_with_the_same_items_is_probably_ours() -> None:
    assert matched(listed("A", CREDITS), listed("B"), listed("C", MONTH)) == found("B", certain=False)


def test_the_order_of_the_items_does_not_matter() -> None:
    assert matched(listed("A", MONTH, CREDITS)) == found("A", certain=False)


def test_twins_are_for_a_person() -> None:
    assert matched(listed("A"), listed("B"), listed("C", CREDITS)) == AmbiguousMatch(("A", "B"))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (LOOKED + timedelta(minutes=2), found("A", certain=False)),
        (LOOKED + timedelta(minutes=2, seconds=1), AmbiguousMatch(("A",))),  # by a clock of another time zone
        (LOOKED + timedelta(days=3), AmbiguousMatch(("A",))),
        (SENT, found("A", certain=False)),
        (SENT - timedelta(minutes=2), found("A", certain=False)),
        (SENT - timedelta(minutes=2, seconds=1), AmbiguousMatch(("A",))),
        (SENT - timedelta(hours=26), AmbiguousMatch(("A",))),
        (SENT - timedelta(hours=26, seconds=1), NoMatch()),
        (SENT - timedelta(days=3), NoMatch()),
        (None, AmbiguousMatch(("A",))),
    ],
)
def test_it_was_made_since_shortly_before_the_first_attempt(at: datetime | None, expected: Match) -> None:
    assert matched(listed("A", at=at)) == expected


@pytest.mark.parametrize(
    "items",
    [
        (CREDITS,),
        (CREDITS, MONTH, MONTH),
        (CREDITS, CREDITS, MONTH),
        (replace(CREDITS, qty=1), MONTH),
        (replace(CREDITS, intent="renewal"), MONTH),
        (replace(CREDITS, name="IPTV 12 Months"), MONTH),
        (replace(CREDITS, name="IPTV 1 Month"), replace(MONTH, name="Panel Credits 1000")),
    ],
)
def test_other_items_are_another_work_order(items: tuple[ListedItem, ...]) -> None:
    assert matched(listed("A", *items)) == NoMatch()


@pytest.mark.parametrize(
    ("credits_id", "month_id", "expected"),
    [(3, 1, found("A", certain=False)), (1, 3, NoMatch()), (3, 2, NoMatch())],
)
def test_where_items_show_their_product_the_name_does_not_matter(
    credits_id: int, month_id: int, expected: Match
) -> None:
    entry = listed(
        "A", replace(CREDITS, name="?", product_id=credits_id), replace(MONTH, name="?", product_id=month_id)
    )
    assert matched(entry, products=None) == expected
    assert matched(entry) == expected


def test_names_are_asked_for_where_items_show_nothing_else() -> None:
    assert matched(listed("A"), products=None) == NamesNeeded()
    assert matched(listed("A", CREDITS, replace(MONTH, product_id=1)), products=None) == NamesNeeded()


@pytest.mark.parametrize(
    "entry",
    [listed("A", CREDITS), listed("A", at=SENT - timedelta(days=2)), listed("A", replace(CREDITS, qty=9), MONTH)],
)
def test_names_are_not_asked_for_where_they_could_change_nothing(entry: ListedWorkOrder) -> None:
    assert matched(entry, products=None) == NoMatch()


@pytest.mark.parametrize("product", ["", "A name of the past", "IPTV 1 Month"])
@pytest.mark.parametrize("intent", [None, "new_activation"])
def test_what_is_not_shown_cannot_rule_a_work_order_out(product: str, intent: str | None) -> None:
    """An ambiguous or missing name, or a missing intent, is left to an operator."""
    products = {**PRODUCTS, ("IPTV 1 Month", None): frozenset({1, 9}), ("", None): frozenset()}
    entry = listed("A", replace(CREDITS, name="Panel Credits 1000", intent=intent), replace(MONTH, name=product))
    assert matched(entry, products=products) == AmbiguousMatch(("A",))


@pytest.mark.parametrize("products", [{}, {("Panel Credits 1000", None): frozenset({3})}])
def test_a_product_whose_name_is_not_known_is_never_taken_for_not_there(products: ProductNames) -> None:
    """NotThere, twice, sends the order again: it must not be returned where names are ambiguous (invariant I7)."""
    assert matched(listed("A"), products=products) != NoMatch()


@pytest.mark.parametrize(
    "items",
    [
        (),
        (replace(CREDITS, qty=None), replace(MONTH, qty=None)),
        (replace(CREDITS, qty=None), MONTH),
        (replace(CREDITS, intent=None), replace(MONTH, intent=None)),
        (CREDITS, MONTH, replace(CREDITS, name="Processing fee", intent=None, qty=1)),
    ],
)
def test_a_list_that_shows_less_or_more_than_was_sent_leaves_it_to_a_person(items: tuple[ListedItem, ...]) -> None:
    entry = replace(listed("A"), items=items)
    assert matched(entry) == AmbiguousMatch(("A",))
    assert matched(replace(entry, created_at=SENT - timedelta(days=3))) == NoMatch()


def test_a_quantity_that_is_not_shown_does_not_make_another_product_ours() -> None:
    assert matched(listed("A", replace(CREDITS, qty=None, name="IPTV 12 Months"), MONTH)) == NoMatch()


def test_a_work_order_that_is_known_by_its_number_alone_is_not_ours() -> None:
    entry = replace(listed("A"), work_order=WorkOrder(reference_code="A", work_order_id=7))
    assert matched(entry, linked={7}) == NoMatch()


# Lists that are too short, and lookalikes


def test_a_list_in_which_nothing_is_older_than_our_first_attempt_may_be_cut_off() -> None:
    """Panelr may cut a list at any number, so its length alone says nothing."""
    newer = [of(f"N{number}", str(1000 + number), at=SENT + timedelta(minutes=5)) for number in range(10)]
    assert matched(*newer) == AmbiguousMatch(())
    assert matched(*newer[:9], of("OLD", "1", at=SENT - timedelta(days=3))) == NoMatch()
    assert matched(*newer, *newer, of("OLD", "1", at=SENT - timedelta(days=3))) == NoMatch()
    assert matched(*newer[:9], of("OURS", "20")) == found("OURS", certain=True)


def test_a_new_customers_few_work_orders_are_all_there_are() -> None:
    newer = [of(f"N{number}", str(1000 + number), at=SENT + timedelta(minutes=5)) for number in range(9)]
    assert matched(*newer) == NoMatch()


# Two services with a product of one name

XTREAM, RESELLER = "Xtream UI", "Reseller Panel"
BY_SERVICE: ProductNames = {
    **PRODUCTS,
    ("IPTV 1 Month", None): frozenset({1, 9}),
    ("IPTV 1 Month", XTREAM): frozenset({1}),
    ("IPTV 1 Month", RESELLER): frozenset({9}),
    ("Panel Credits 1000", RESELLER): frozenset({3}),
}


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (XTREAM, found("A", certain=False)),
        (RESELLER, NoMatch()),  # another product of this name
        (None, AmbiguousMatch(("A",))),
        ("A service of the past", AmbiguousMatch(("A",))),
    ],
)
def test_a_product_is_recognised_by_its_name_and_its_service(service: str | None, expected: Match) -> None:
    entry = listed("A", CREDITS, replace(MONTH, plugin_name=service))
    assert matched(entry, products=BY_SERVICE) == expected


def test_where_only_the_list_or_only_the_products_show_the_service_the_name_decides() -> None:
    entry = listed("A", replace(CREDITS, plugin_name=RESELLER), replace(MONTH, plugin_name=XTREAM))
    assert matched(entry, products=PRODUCTS) == found("A", certain=False)
    by_service: ProductNames = {**PRODUCTS, ("IPTV 1 Month", XTREAM): frozenset({1})}
    assert matched(listed("A"), products=by_service) == found("A", certain=False)


def test_a_name_that_its_service_does_not_have_leaves_it_to_a_person() -> None:
    entry = listed("A", replace(CREDITS, plugin_name=XTREAM), MONTH)
    products: ProductNames = {**BY_SERVICE, ("IPTV 1 Month", None): frozenset({1})}
    assert matched(entry, products=products) == AmbiguousMatch(("A",))


def test_orders_of_one_customer_with_the_same_items_are_lookalikes() -> None:
    first, second = REQUEST.items
    split = (change(first, qty=1), second, change(first, qty=1))
    for twin in (
        replace(REQUEST, wc_order_id="21", payment_amount=None, status="pending"),
        replace(REQUEST, customer_email="Ada@Example.test"),
        replace(REQUEST, items=(second, first)),
        replace(REQUEST, items=split),
    ):
        assert fingerprint(twin) == fingerprint(REQUEST)


def test_other_items_or_another_customer_are_no_lookalikes() -> None:
    first, second = REQUEST.items
    others = [
        replace(REQUEST, customer_email="grace@example.test"),
        replace(REQUEST, items=(first,)),
        replace(REQUEST, items=(change(first, qty=3), second)),
        replace(REQUEST, items=(change(first, product_id=4), second)),
        replace(REQUEST, items=(change(first, intent=ItemIntent.TRIAL_UPGRADE, activation_id=1), second)),
    ]
    assert len({fingerprint(each) for each in [REQUEST, *others]}) == len(others) + 1
