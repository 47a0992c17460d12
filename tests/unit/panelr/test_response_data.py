"""The data of an answer: a work order, a customer's work orders, the products."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from panelr_bridge.domain.call_outcome import Done, Unknown
from panelr_bridge.domain.panelr_values import ListedItem, ListedWorkOrder, ProductNames, WorkOrder
from panelr_bridge.panelr.catalogue import offered_products
from panelr_bridge.panelr.product_names import products_by_name
from panelr_bridge.panelr.response import created_work_order, listed_work_orders
from tests.support.answers import answers
from tests.support.properties import examples

CREATED = {
    "work_order_id": 7,
    "reference_code": "WO-2026-00007",
    "confirmation_token": "tok",
    "status": "pending_payment",
    "type": "new_activation",
    "item_count": 1,
    "order_total": Decimal("49.0"),
}
ITEM = {"name": "Panel Credits 1000", "qty": 2, "price": "49.00", "intent": "renewal", "plugin_name": "Reseller Panel"}
LISTED = {
    "reference_code": "WO-2026-00007",
    "status": "cancelled",
    "order_total": "49.00",
    "created_at": "2026-11-22 12:00:00",
    "items": [ITEM],
}


def names_in(outcome: Done) -> ProductNames | Unknown:
    """Return the names in an answer of get_products, as a look-up reads them."""
    products = offered_products(outcome)
    return products_by_name(products) if isinstance(products, tuple) else products


def done(data: Any) -> Done:
    return Done(words="done", status=200, data=data)


def with_each(content: dict[str, Any], field: str, *values: Any) -> list[dict[str, Any]]:
    return [content | {field: value} for value in values]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {},
            WorkOrder(
                work_order_id=7,
                reference_code="WO-2026-00007",
                confirmation_token="tok",
                status="pending_payment",
                order_total=Decimal("49.0"),
            ),
        ),
        (
            {"work_order_id": "7", "reference_code": 42, "status": None, "order_total": " 49.90 "},
            WorkOrder(work_order_id=7, reference_code="42", confirmation_token="tok", order_total=Decimal("49.90")),
        ),
        (
            {"status": "Cancelled", "order_total": 0, "type": [], "item_count": {}},
            WorkOrder(
                work_order_id=7,
                reference_code="WO-2026-00007",
                confirmation_token="tok",
                status="canceled",
                order_total=Decimal(0),
            ),
        ),
    ],
)
def test_a_created_work_order_is_read(changes: Any, expected: WorkOrder) -> None:
    assert created_work_order(done(CREATED | changes)) == expected


@pytest.mark.parametrize(
    "data",
    [
        *(None, [], "WO-2026-00007", 7, {}, [CREATED]),
        *[
            {name: value for name, value in CREATED.items() if name != missing}
            for missing in ("work_order_id", "reference_code", "confirmation_token")
        ],
        *with_each(CREATED, "work_order_id", None, 0, -7, True, 7.5, "", "x", "7.0", "²", [], 2**63, "1" + "0" * 21),
        *with_each(CREATED, "reference_code", None, "", " ", True, [], {}, "W" * 101),
        *with_each(CREATED, "confirmation_token", None, "", False, {}, "t" * 501),
    ],
)
def test_a_created_work_order_without_what_we_need_is_unknown(data: Any) -> None:
    expected = Unknown(words="Panelr says that it created a work order, but not which one", status=200)
    assert created_work_order(done(data)) == expected


@pytest.mark.parametrize("name", ["order_total", "status"])
@pytest.mark.parametrize(
    "value",
    [*(None, True, [], {}, "", "x" * 41, 10**30, -1, Decimal("-0.01")), *map(Decimal, ("NaN", "Infinity", "1E+99"))],
)
def test_an_absurd_total_and_status_are_not_shown_and_do_not_make_the_work_order_unknown(name: str, value: Any) -> None:
    found = created_work_order(done(CREATED | {name: value}))
    assert isinstance(found, WorkOrder)
    if name == "order_total":
        assert found.order_total is None
    else:
        assert found.status is None or len(found.status) <= 40


def test_a_reference_code_and_a_token_may_be_as_long_as_their_limits() -> None:
    found = created_work_order(done(CREATED | {"reference_code": "W" * 100, "confirmation_token": "t" * 500}))
    assert isinstance(found, WorkOrder)
    assert (len(found.reference_code or ""), len(found.confirmation_token or "")) == (100, 500)


@pytest.mark.parametrize("data", [[LISTED], {"work_orders": [LISTED]}, {"orders": [LISTED], "total": 1}])
def test_a_list_of_work_orders_is_read_in_each_of_its_forms(data: Any) -> None:
    assert listed_work_orders(done(data)) == (
        ListedWorkOrder(
            work_order=WorkOrder(reference_code="WO-2026-00007", status="canceled", order_total=Decimal("49.00")),
            created_at=datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC),
            items=(
                ListedItem(
                    name="Panel Credits 1000",
                    qty=2,
                    intent="renewal",
                    product_id=None,
                    wc_order_id=None,
                    shows_wc_order_id=False,
                    plugin_name="Reseller Panel",
                ),
            ),
        ),
    )


@pytest.mark.parametrize("data", [[], {"work_orders": []}])
def test_an_empty_list_is_a_list(data: Any) -> None:
    assert listed_work_orders(done(data)) == ()


@pytest.mark.parametrize(
    ("changes", "wc_order_id", "shows"),
    [
        ({}, None, False),
        ({"wc_order_id": None}, None, True),
        ({"wc_order_id": ""}, None, True),
        ({"wc_order_id": " 20 "}, "20", True),
        ({"wc_order_id": 20}, "20", True),
        ({"wc_order_id": "2" * 101}, None, True),
    ],
)
def test_a_missing_order_number_is_distinguished_from_an_empty_one(
    changes: dict[str, Any], wc_order_id: str | None, shows: bool
) -> None:
    found = listed_work_orders(done([LISTED | {"items": [ITEM | changes]}]))
    assert not isinstance(found, Unknown)
    assert [(item.wc_order_id, item.shows_wc_order_id) for item in found[0].items] == [(wc_order_id, shows)]


@pytest.mark.parametrize(
    ("changes", "work_order_id"), [({"work_order_id": 7, "id": 8}, 7), ({"id": "8"}, 8), ({"id": 0}, None), ({}, None)]
)
def test_a_listed_work_order_may_show_its_id(changes: dict[str, Any], work_order_id: int | None) -> None:
    found = listed_work_orders(done([LISTED | changes]))
    assert not isinstance(found, Unknown)
    assert found[0].work_order.work_order_id == work_order_id


@pytest.mark.parametrize(
    ("shown", "moment"),
    [
        ("2026-11-22T12:00:00Z", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("2026-11-22 13:00:00+01:00", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        *[(text, None) for text in (None, "", "yesterday", "0000-00-00 00:00:00", "0001-01-01 00:00:00+01:00")],
        (1763812800, None),
    ],
)
def test_the_time_of_a_listed_work_order_is_utc_or_not_shown(shown: Any, moment: datetime | None) -> None:
    found = listed_work_orders(done([LISTED | {"created_at": shown}]))
    assert not isinstance(found, Unknown)
    assert found[0].created_at == moment


@pytest.mark.parametrize("data", [None, "x", 7, {}, {"rows": [LISTED]}, {"work_orders": {"0": LISTED}}])
def test_what_is_no_list_is_unknown(data: Any) -> None:
    assert listed_work_orders(done(data)) == Unknown(words="Panelr's list of work orders cannot be read", status=200)


@pytest.mark.parametrize(
    "entry",
    [
        *(None, "x", [], {}),
        *with_each(LISTED, "reference_code", None, "", True, "W" * 101),
        *with_each(LISTED, "items", None, {}, "x", [None], ["x"]),
        *with_each(LISTED, "items", *[[item] for item in with_each(ITEM, "qty", 0, "many", 1.5)]),
    ],
)
def test_one_entry_that_cannot_be_read_spoils_the_list(entry: Any) -> None:
    expected = Unknown(words="an entry in Panelr's list of work orders cannot be read", status=200)
    assert listed_work_orders(done([LISTED, entry])) == expected


@pytest.mark.parametrize(
    "data",
    [
        [{"id": 1, "name": " A "}, {"id": "2", "name": "B"}],
        {"products": [{"id": 1, "name": "A"}, {"id": 2, "name": "B"}, {"id": 3}, {"name": "C"}, None, {"id": 0}]},
    ],
)
def test_the_names_of_products(data: Any) -> None:
    assert names_in(done(data)) == {("A", None): frozenset({1}), ("B", None): frozenset({2})}


def test_products_of_one_name_are_told_apart_by_their_service() -> None:
    listed = [
        {"id": 1, "name": "1 Month", "plugin_name": "Xtream"},
        {"id": 2, "name": "1 Month", "alternate_name": "Month", "plugin_name": "Reseller"},
        {"id": 3, "name": "Month"},
    ]
    assert names_in(done(listed)) == {
        ("1 Month", None): frozenset({1, 2}),
        ("1 Month", "Xtream"): frozenset({1}),
        ("1 Month", "Reseller"): frozenset({2}),
        ("Month", None): frozenset({2, 3}),
        ("Month", "Reseller"): frozenset({2, 3}),  # the product without a service may be of this one
    }


@pytest.mark.parametrize("data", [None, {}, "x", {"products": None}])
def test_products_that_are_no_list_are_unknown(data: Any) -> None:
    assert names_in(done(data)) == Unknown(words="Panelr's list of products cannot be read", status=200)


@examples(250)
@given(data=answers(CREATED) | answers([LISTED]) | answers([{"id": 1, "name": "A", "plugin_name": "B"}]))
def test_any_data_are_read_or_unknown(data: Any) -> None:
    created, listed = created_work_order(done(data)), listed_work_orders(done(data))
    assert isinstance(created, (WorkOrder, Unknown))
    for work_order in [created] if isinstance(created, WorkOrder) else []:
        assert len(work_order.reference_code or "") <= 100
        assert len(work_order.confirmation_token or "") <= 500
        assert len(work_order.status or "") <= 40
        assert work_order.order_total is None or 0 <= work_order.order_total < 10**12
    assert isinstance(listed, (tuple, Unknown))
    assert isinstance(names_in(done(data)), (dict, Unknown))


@pytest.mark.parametrize(
    ("shown", "ids"),
    [
        ({"activation_ids": [41, 42]}, (41, 42)),
        ({"activation_ids": ["41", 41]}, (41,)),
        ({"activation_ids": []}, ()),
        ({"activation_ids": [41, None]}, ()),
        ({"activation_ids": "41"}, None),
        ({"activation_ids": None}, None),
        ({}, None),
    ],
)
def test_lines_that_are_not_shown_are_distinguished_from_none(
    shown: dict[str, Any], ids: tuple[int, ...] | None
) -> None:
    found = listed_work_orders(done([LISTED | shown]))
    assert not isinstance(found, Unknown)
    assert found[0].activation_ids == ids
