"""For any order: Panelr accepts every request that `decide` makes, and the amounts are exact."""

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import simplejson
from hypothesis import given
from hypothesis import strategies as st

from panelr_bridge.domain.decision import Adopt, Create, Hold, Ignore, Wait, decide
from panelr_bridge.domain.models import (
    AdjustmentMode,
    FreeOrders,
    ItemIntent,
    MappingTarget,
    OrderMappings,
    OrderPolicy,
    UnmappedLines,
    WcOrderId,
    WorkOrderRequest,
)
from panelr_bridge.panelr.request import dump, load
from panelr_bridge.settings import PANELR_STATUSES, STATUS_MAP
from panelr_bridge.simulators.panelr.catalogue import seed_payment_methods, seed_products
from panelr_bridge.simulators.panelr.envelope import parse_json
from panelr_bridge.simulators.panelr.work_order_input import parse_new_work_order
from panelr_bridge.woocommerce.order_payload import Order, read_order
from tests.support.properties import SHARE, examples

KEYS = ("product:11", "product:12", "variation:18", "variation:19", "sku:a-1", "sku:b-2")


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return the usual value nine times in ten: an order of random parts would never be created."""
    return st.integers(0, 9).flatmap(lambda dice: odd if dice == 7 else usual)


texts = st.text(st.sampled_from('aB1é ß\t\n\x00\x7f\x85\xa0\u2028\ud800🎉"\\<@.'), max_size=20)
amounts = st.decimals("-20.000", "99999.999", places=3) | st.decimals("0.00", "999.99", places=2)
money = mostly(amounts.map(str) | amounts, st.sampled_from([0, 7, "1E+2"]))
addresses = st.from_regex(r"[!-~]{1,9}@[!-~]{1,9}\.[a-z]{2,3}", fullmatch=True)
emails = mostly(
    st.sampled_from(["ada@example.test", " Ada+1@Example.test ", "zoë@bücher.example"]),
    st.sampled_from(["", None, "ada", "a@b@c.de"]) | addresses | texts,
)


def metas(**values: Any) -> st.SearchStrategy[Any]:
    """Return meta entries: these keys with these values, and unusual ones."""
    entries = [
        st.fixed_dictionaries({"key": st.just(key), "value": mostly(st.sampled_from(usual), texts)})
        for key, usual in values.items()
    ]
    return mostly(st.just([]), st.lists(st.one_of(entries), max_size=3))


def php_lists(items: st.SearchStrategy[Any], largest: int, least: int = 0) -> st.SearchStrategy[Any]:
    """Return lists, some as PHP writes lists with gaps."""
    lists = st.lists(items, min_size=least, max_size=largest)
    return mostly(lists, lists.map(lambda each: {str(2 * place): value for place, value in enumerate(each)}))


lines = st.fixed_dictionaries(
    {
        "id": st.integers(0, 99),
        "name": texts,
        "product_id": mostly(st.sampled_from([11, 12]), st.sampled_from([0, 99])),
        "variation_id": st.sampled_from([0, 0, 18, 19]),
        "sku": st.sampled_from([None, "", "A-1", " b-2 "]) | texts,
        "quantity": mostly(st.sampled_from([1, 2, "3", "4.0"]), st.sampled_from([0.5, 0, -1, 2**31, None])),
        "subtotal": money,
        "total": money,
        "total_tax": money,
        "meta_data": st.fixed_dictionaries(
            {"key": st.just("_panelr_activation_id"), "value": st.integers(1, 9)}
        ).flatmap(
            lambda activation: metas(
                panelr_intent=[*ItemIntent, "balance_payment", "refill"],
                _panelr_intent=[*ItemIntent, "balance_payment", None],
                panelr_activation_id=["77", 78, "0", "", None, []],
            ).map(lambda rest: [*rest, activation])
        ),
    }
)
orders = st.fixed_dictionaries(
    {
        "id": st.integers(1, 2**63 - 1),
        "status": mostly(
            st.sampled_from(["processing", "completed"]), st.sampled_from([*STATUS_MAP, "draft", "trash"]) | texts
        ),
        "number": texts,
        "order_key": texts | st.none(),
        "total": money,
        "payment_method": st.sampled_from(["bacs", ""]),
        "date_paid_gmt": mostly(st.sampled_from([None, "2026-11-21T19:16:43"]), st.sampled_from(["", 0, "soon"])),
        "billing": st.fixed_dictionaries({"email": emails, "first_name": texts, "last_name": texts, "phone": texts}),
        "line_items": mostly(php_lists(lines, 3, 1), st.just([])),
        "fee_lines": php_lists(st.fixed_dictionaries({"name": texts, "total": money}), 2),
        "coupon_lines": php_lists(st.fixed_dictionaries({"code": texts}), 2),
        "meta_data": metas(
            _panelr_customer_email=["grace@example.test", None],
            _panelr_customer_name=["Grace", ["x"]],
            _panelr_work_order_id=["7", "0"],
            _panelr_reference_code=["WO-2026-00007", ""],
        ),
    }
)
catalogues = st.builds(
    OrderMappings,
    mappings=st.lists(
        st.builds(
            MappingTarget,
            key=st.sampled_from(KEYS),
            panelr_product_id=st.sampled_from([1, 2, 3, 4, 5, 6, None]),
            intent=st.sampled_from(ItemIntent),
            quantity=st.integers(1, 3),
        ),
        min_size=4,
        max_size=12,
    ).map(tuple),
    payment_method_id=st.sampled_from([None, 1, 2]),
    revision=st.just(1),
)
policies = st.builds(
    OrderPolicy,
    create_on=st.frozensets(st.sampled_from(list(STATUS_MAP))).map(lambda more: more | {"processing", "completed"}),
    status_map=st.fixed_dictionaries({woo: st.sampled_from(PANELR_STATUSES) for woo in STATUS_MAP}).map(
        lambda table: tuple(table.items())
    ),
    unmapped_lines=st.sampled_from(UnmappedLines),
    wc_order_id=st.sampled_from(WcOrderId),
    require_payment_method=st.booleans(),
    adjustment=st.sampled_from([AdjustmentMode.AUTO, AdjustmentMode.ORDER]),
    free_orders=st.sampled_from(FreeOrders),
)


def read(content: dict[str, Any]) -> Order:
    return read_order(simplejson.dumps(content, use_decimal=True).encode())


def test_panelr_takes_whatever_is_to_be_created() -> None:
    items: list[int] = []

    @examples(150)
    @given(content=orders, catalogue=catalogues, policy=policies)
    def holds(content: dict[str, Any], catalogue: OrderMappings, policy: OrderPolicy) -> None:
        decided = decide(read(content), catalogue, policy)
        assert isinstance(decided, (Create, Adopt, Hold, Wait, Ignore))
        if not isinstance(decided, Create):
            assert decided.reasons
            return
        sent = parse_json(dump(decided.request))
        taken = parse_new_work_order(sent, products=seed_products(), methods=seed_payment_methods(), strict=True)
        items.append(len(taken.items))
        assert len(taken.items) == len(decided.request.items) > 0

    holds()
    assert len(items) > 10 * SHARE  # orders that are never created would prove nothing


@examples(50)
@given(content=orders, catalogue=catalogues, policy=policies)
def test_the_same_input_gives_the_same_decision(
    content: dict[str, Any], catalogue: OrderMappings, policy: OrderPolicy
) -> None:
    assert decide(read(content), catalogue, policy) == decide(read(content), catalogue, policy)


@examples(50)
@given(content=orders, catalogue=catalogues, policy=policies, keys=st.permutations(KEYS))
def test_the_order_of_mappings_of_different_keys_does_not_matter(
    content: dict[str, Any], catalogue: OrderMappings, policy: OrderPolicy, keys: Sequence[str]
) -> None:
    rows = tuple(sorted(catalogue.mappings, key=lambda row: keys.index(row.key)))
    moved = OrderMappings(mappings=rows, payment_method_id=catalogue.payment_method_id, revision=1)
    assert decide(read(content), moved, policy) == decide(read(content), catalogue, policy)


prices = st.decimals("0.00", "9999999.99", places=2)
others = st.lists(st.tuples(st.booleans(), prices, prices, prices), max_size=5)
ours = st.tuples(st.just(True), prices, prices, prices)
POLICY = OrderPolicy(
    create_on=frozenset({"processing"}),
    status_map=(("processing", "payment_submitted"),),
    unmapped_lines=UnmappedLines.SKIP,
    wc_order_id=WcOrderId.ID,
    require_payment_method=False,
    adjustment=AdjustmentMode.ORDER,
)
IN = MappingTarget(key="sku:in", panelr_product_id=1, intent=ItemIntent.NEW_ACTIVATION, quantity=1)


def sale(lines: Any, fees: Any, total: Any) -> WorkOrderRequest:
    """Decide a paid order of mapped and unmapped lines; the first one is mapped."""
    content = {
        "id": 1,
        "status": "processing",
        "total": str(total),
        "date_paid_gmt": "2026-11-21T19:16:43",
        "billing": {"email": "ada@example.test"},
        "line_items": [
            {
                "sku": "IN" if ours else "OUT",
                "quantity": 1,
                "subtotal": str(subtotal),
                "total": str(paid),
                "total_tax": str(tax),
            }
            for ours, subtotal, paid, tax in lines
        ],
        "fee_lines": [{"name": "Fee", "total": str(fee)} for fee in fees],
    }
    decided = decide(read(content), OrderMappings(mappings=(IN,), payment_method_id=None, revision=1), POLICY)
    assert isinstance(decided, Create)
    return decided.request


@examples(100)
@given(first=ours, others=others, fees=st.lists(prices, max_size=3), total=prices)
def test_no_cent_is_lost(first: Any, others: Any, fees: Any, total: Any) -> None:
    request = sale([first, *others], fees, total)
    mine = [line for line in [first, *others] if line[0]]
    whole = len(mine) == 1 + len(others)
    of_lines = sum(Fraction(line[2]) + Fraction(line[3]) for line in mine)
    paid = Fraction(total) if whole else min(of_lines, Fraction(total))
    assert request.payment_amount is not None
    assert Fraction(request.payment_amount) == paid
    discounts = sum(Fraction(line[1]) - Fraction(line[2]) for line in mine)
    expected = (sum(Fraction(fee) for fee in fees) if whole else 0) - discounts
    adjustment = request.adjustment
    sign = -1 if adjustment and adjustment.direction == "discount" else 1
    assert (sign * Fraction(adjustment.amount) if adjustment else 0) == expected


@examples(50)
@given(first=ours, fees=st.lists(prices, max_size=3), total=prices)
def test_money_is_written_digit_for_digit(first: Any, fees: Any, total: Any) -> None:
    request = sale([first], fees, total)
    written = json.loads(dump(request), parse_float=str, parse_int=str)
    assert written["payment_amount"] == str(total)
    assert written.get("adjustment_amount") == (str(request.adjustment.amount) if request.adjustment else None)


@examples(50)
@given(content=orders, catalogue=catalogues, policy=policies)
def test_what_is_written_is_read_back_as_the_same_request(
    content: dict[str, Any], catalogue: OrderMappings, policy: OrderPolicy
) -> None:
    decided = decide(read(content), catalogue, policy)
    if isinstance(decided, Create):
        assert load(dump(decided.request)) == decided.request
