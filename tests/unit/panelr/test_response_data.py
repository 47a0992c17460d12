"""The data of an answer: a work order, a customer's work orders, the products."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panelr_bridge.domain.call_outcome import Done, Unknown
from panelr_bridge.domain.models import ListedItem, ListedWorkOrder, WorkOrder
from panelr_bridge.panelr.response import created_work_order, listed_work_orders, products_by_name
from tests.support.properties import examples

CREATED = {
    "work_order_id": 7,
    "reference_code": "WO-2026-00007",
    "confirmation_token": "tok",
    "status": "pending_payment",
    "type": "new_activation",
    "item_count": 1,
    "order_total": 49.0,
}
ITEM = {"name": "Panel Credits 1000", "qty": 2, "price": "49.00", "intent": "renewal", "plugin_name": "Reseller Panel"}
LISTED = {
    "reference_code": "WO-2026-00007",
    "status": "pending",
    "created_at": "2026-11-22 12:00:00",
    "items": [ITEM],
}


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
            ),
        ),
        (
            {"work_order_id": "7", "reference_code": 42, "status": None},
            WorkOrder(work_order_id=7, reference_code="42", confirmation_token="tok", status=None),
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
        *with_each(CREATED, "reference_code", None, "", " ", True, [], {}),
        *with_each(CREATED, "confirmation_token", None, "", False, {}),
    ],
)
def test_a_created_work_order_without_what_we_need_is_unknown(data: Any) -> None:
    expected = Unknown(words="Panelr says that it created a work order, but not which one", status=200)
    assert created_work_order(done(data)) == expected


@pytest.mark.parametrize("data", [[LISTED], {"work_orders": [LISTED]}, {"orders": [LISTED], "total": 1}])
def test_a_list_of_work_orders_is_read_in_each_of_its_forms(data: Any) -> None:
    assert listed_work_orders(done(data)) == (
        ListedWorkOrder(
            work_order=WorkOrder(reference_code="WO-2026-00007", status="pending"),
            created_at=datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC),
            items=(
                ListedItem(
                    name="Panel Credits 1000",
                    qty=2,
                    intent="renewal",
                    product_id=None,
                    wc_order_id=None,
                    shows_wc_order_id=False,
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
        *with_each(LISTED, "reference_code", None, "", True),
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
    assert products_by_name(done(data)) == {"A": frozenset({1}), "B": frozenset({2})}


@pytest.mark.parametrize("data", [None, {}, "x", {"products": None}])
def test_products_that_are_no_list_are_unknown(data: Any) -> None:
    assert products_by_name(done(data)) == Unknown(words="Panelr's list of products cannot be read", status=200)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["work_orders", "items", "reference_code", "qty", "id", "created_at", "products", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@examples(150)
@given(data=json_values)
def test_any_data_are_read_or_unknown(data: Any) -> None:
    assert isinstance(created_work_order(done(data)), (WorkOrder, Unknown))
    assert isinstance(listed_work_orders(done(data)), (tuple, Unknown))
    assert isinstance(products_by_name(done(data)), (dict, Unknown))
