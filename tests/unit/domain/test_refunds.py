"""Money given back before the work order exists: what is sent, what is held, and what a retry sends."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from panelr_bridge.domain.decision import Create, Hold, Ignore, amount_paid_for_panelr, changes_since, decide
from panelr_bridge.domain.models import AdjustmentMode, OrderMappings, OtherCurrency
from panelr_bridge.domain.refunds import lacks_refunds
from panelr_bridge.woocommerce.refund_payload import RefundedLine, ShopRefunds
from tests.support.decisions import POLICY, codes, item, maps, meta, read

AUTO = replace(POLICY, adjustment=AdjustmentMode.AUTO)
MAPPINGS = OrderMappings(
    mappings=(replace(maps("product:1", 1), price=Decimal(10)), replace(maps("product:2", 2), price=Decimal(10))),
    payment_method_id=None,
    revision=1,
)
TWICE = item(id=11, product_id=1, sku="", quantity=2, subtotal="20.00", total="20.00", total_tax="0.00")
ONCE = item(id=12, product_id=2, sku="", quantity=1, subtotal="10.00", total="10.00", total_tax="0.00")
OTHER = item(id=13, product_id=3, sku="", quantity=1, subtotal="10.00", total="10.00", total_tax="0.00")
NOTHING = maps("product:3", None)


def sold(*lines: dict[str, Any], refunds: tuple[str, ...] = ("-10.00",), **changes: Any) -> dict[str, Any]:
    """Return a paid order of these lines with these refunds, numbered from 9 on."""
    chosen = lines or (TWICE, ONCE)
    content = {
        "id": 1,
        "status": "processing",
        "currency": "USD",
        "total": str(sum(Decimal(line["total"]) for line in chosen)),
        "date_paid_gmt": "2026-11-21T19:16:43",
        "billing": {"email": "ada@example.test"},
        "line_items": list(chosen),
        "refunds": [{"id": 9 + place, "total": total} for place, total in enumerate(refunds)],
    }
    return content | changes


def shown(*lines: tuple[int, int, str], total: str = "10.00", others: str = "0", ids: tuple[int, ...] = (9,)) -> Any:
    """Return what the shop's API shows: of each line its id, the quantity and the money that were given back."""
    by_id = {number: RefundedLine(Decimal(quantity), Decimal(money), Decimal(0)) for number, quantity, money in lines}
    return ShopRefunds(frozenset(ids), Decimal(total), by_id, Decimal(others))


def decided(content: dict[str, Any], refunds: ShopRefunds | None = None, *overridden: str, **changes: Any) -> Any:
    mappings = replace(MAPPINGS, refunds=refunds, overridden=frozenset(overridden), **changes)
    return decide(read(content), mappings, AUTO)


def sent(create: Any) -> tuple[list[tuple[int, int]], str, str]:
    """Return a work order's items as (product, quantity), what was paid, and what it is to cost."""
    assert isinstance(create, Create), create
    items = [(each.product_id, each.qty) for each in create.request.items]
    assert create.reckoning is not None
    return items, str(create.request.payment_amount), str(create.reckoning.target)


BOTH = [(1, 2), (2, 1)]


@pytest.mark.parametrize("total", ["-10.00", "10.00"])
def test_a_refund_that_names_no_line_holds_the_order_whatever_its_sign(total: str) -> None:
    held = decided(sold(refunds=(total,)))
    assert isinstance(held, Hold)
    (reason,) = held.reasons
    assert reason.code == "refunded_before_creation"
    assert reason.words == (
        "10.00 USD of 30.00 USD were refunded before the order had a work order, and it does not say for which lines:"
        " retry the order to send it with 20.00 USD as its price, or close it"
    )


@pytest.mark.parametrize("quantity", [1, 0], ids=["with its quantity", "its money alone"])
def test_a_line_that_was_refunded_in_full_is_left_out_with_its_money(quantity: int) -> None:
    assert sent(decided(sold(), shown((12, quantity, "10.00")))) == ([(1, 2)], "20.00", "20.00")


def test_several_refunds_of_one_line_add_up() -> None:
    content = sold(refunds=("-4.00", "6.00"))
    assert sent(decided(content, shown((12, 1, "10.00"), ids=(9, 10)))) == ([(1, 2)], "20.00", "20.00")


def test_refunded_shipping_and_fees_leave_the_cart_as_it_is() -> None:
    content = sold(total="34.95", shipping_total="4.95", refunds=("-4.95",))
    create = decided(content, shown(total="4.95", others="4.95"))
    assert sent(create) == (BOTH, "30.00", "30.00")
    assert create.request.adjustment is None


@pytest.mark.parametrize(
    ("refunds", "words"),
    [
        (shown((11, 1, "10.00")), "a line was refunded in part"),
        (shown((11, 0, "10.00")), "a line was refunded in part"),
        (shown((11, 2, "10.00")), "a line was refunded in part"),
        (shown((12, 1, "8.00"), others="2.00"), "a line was refunded in part"),
        (shown((11, 1, "20.00"), total="20.00"), "the shop's API shows refunds of 20.00 USD"),
        (shown(), "10.00 USD of it belong to no line"),
        (shown((12, 1, "10.00"), total="15.00"), "the shop's API shows refunds of 15.00 USD"),
        (shown((12, 1, "10.00"), ids=(8,)), "it does not say for which lines"),
        (shown((99, 1, "10.00")), "10.00 USD of it belong to no line"),
        (shown((0, 1, "10.00")), "10.00 USD of it belong to no line"),
    ],
    ids=[
        *("one of two", "half the money", "all pieces, half the money", "a fee was kept", "another amount"),
        *("no line", "a newer refund", "another refund", "another order's line", "a line without a number"),
    ],
)
def test_anything_less_clear_is_held(refunds: ShopRefunds, words: str) -> None:
    held = decided(sold(), refunds)
    assert isinstance(held, Hold)
    assert codes(held.reasons) == ["refunded_before_creation"]
    assert words in held.reasons[0].words


def test_all_money_of_a_line_but_a_part_of_its_quantity_is_not_clear() -> None:
    assert isinstance(decided(sold(refunds=("-20.00",)), shown((11, 1, "20.00"), total="20.00")), Hold)


def test_a_free_line_is_left_out_by_its_quantity() -> None:
    free = ONCE | {"subtotal": "0.00", "total": "0.00"}
    content = sold(TWICE, free, OTHER, total="30.00")
    mappings = (*MAPPINGS.mappings, NOTHING)
    found = decided(content, shown((13, 1, "10.00"), (12, 1, "0.00")), mappings=mappings)
    assert sent(found) == ([(1, 2)], "20.00", "20.00")


def test_a_refund_of_lines_that_are_not_for_panelr_changes_nothing_for_it() -> None:
    found = decided(
        sold(TWICE, OTHER, refunds=("-5.00",)),
        shown((13, 0, "5.00"), total="5.00"),
        mappings=(*MAPPINGS.mappings, NOTHING),
    )
    assert sent(found) == ([(1, 2)], "20.00", "20.00")


@pytest.mark.parametrize(
    ("content", "refunds"),
    [
        (sold(refunds=("-30.00",)), None),
        (sold(refunds=("30.00",)), None),
        (sold(refunds=("-10.00", "-20.00")), None),
        (
            sold(total="35.00", shipping_total="5.00", refunds=("-30.00",)),
            shown((11, 2, "20.00"), (12, 1, "10.00"), total="30.00"),
        ),
    ],
    ids=["the total", "without its sign", "in two refunds", "every line, not the shipping"],
)
def test_an_order_of_which_nothing_is_left_is_ignored(content: dict[str, Any], refunds: ShopRefunds | None) -> None:
    found = decided(content, refunds)
    assert isinstance(found, Ignore)
    assert codes(found.reasons) == ["refunded_in_full"]


def test_an_order_whose_lines_for_panelr_were_refunded_has_nothing_for_it() -> None:
    found = decided(sold(ONCE, OTHER), shown((12, 1, "10.00")), mappings=(*MAPPINGS.mappings, NOTHING))
    assert isinstance(found, Ignore)
    assert found.reasons[0].words == "no line of this order is for Panelr, apart from lines that were refunded"


def test_more_than_the_total_is_held_and_never_makes_a_payment_negative() -> None:
    content = sold(refunds=("-20.00", "-20.00"))
    assert "that is more than it cost" in decided(content).reasons[0].words
    assert sent(decided(content, None, "refunded_before_creation")) == (BOTH, "0.00", "0.00")


@pytest.mark.parametrize("total", ["0.00", "-0.00"])
def test_a_refund_of_nothing_changes_nothing(total: str) -> None:
    assert sent(decided(sold(refunds=(total,)))) == (BOTH, "30.00", "30.00")


@pytest.mark.parametrize(
    ("content", "refunds", "expected"),
    [
        (sold(), None, (BOTH, "20.00", "20.00")),
        (sold(), shown((11, 1, "10.00")), (BOTH, "20.00", "20.00")),
        (
            sold(refunds=("-13.00",)),
            shown((12, 1, "10.00"), (11, 0, "3.00"), total="13.00"),
            ([(1, 2)], "17.00", "17.00"),
        ),
        (sold(TWICE, OTHER, refunds=("-15.00",)), None, ([(1, 2)], "15.00", "15.00")),
        (sold(TWICE, OTHER, refunds=("-4.00",)), shown((11, 0, "4.00"), total="4.00"), ([(1, 2)], "16.00", "16.00")),
    ],
    ids=["nothing known", "one of two", "a whole line and a part", "beside another line", "its own part known"],
)
def test_a_retry_sends_what_is_left_at_the_price_that_was_kept(
    content: dict[str, Any], refunds: ShopRefunds | None, expected: Any
) -> None:
    mappings = (*MAPPINGS.mappings, NOTHING)
    assert sent(decided(content, refunds, "refunded_before_creation", mappings=mappings)) == expected


def test_a_retry_of_an_order_refunded_in_full_sends_it_as_paid_with_nothing() -> None:
    assert sent(decided(sold(refunds=("-30.00",)), None, "refunded_in_full")) == (BOTH, "0.00", "0.00")


def test_an_unpaid_order_has_the_rest_as_its_price_and_no_payment() -> None:
    create = decided(sold(status="on-hold", date_paid_gmt=None), shown((12, 1, "10.00")))
    assert sent(create) == ([(1, 2)], "None", "20.00")


def test_a_later_payment_is_of_the_lines_that_are_left() -> None:
    mappings = replace(MAPPINGS, mappings=(*MAPPINGS.mappings, NOTHING), refunds=shown((12, 1, "10.00")))
    assert amount_paid_for_panelr(read(sold(TWICE, ONCE, OTHER)), mappings, AUTO) == Decimal(20)


@pytest.mark.parametrize("status", ["refunded", "cancelled"])
def test_the_status_of_an_ended_order_comes_first(status: str) -> None:
    assert codes(decided(sold(status=status, refunds=("-30.00",))).reasons) == ["ended_before_creation"]


def test_the_shop_is_asked_while_it_could_know_more() -> None:
    order, reasons = read(sold()), decided(sold()).reasons
    assert lacks_refunds(order, reasons, None)
    assert lacks_refunds(order, reasons, shown(ids=(9, 10)))
    assert not lacks_refunds(order, reasons, shown())
    assert not lacks_refunds(order, (), None)


def test_a_refund_without_its_sign_after_the_creation_is_reported_by_its_amount() -> None:
    found = changes_since(sent=read(sold(refunds=())), now=read(sold(refunds=("7.00",))))
    assert [each.words for each in found] == ["7.00 USD was refunded after the work order was created"]


DEPOSIT = {"meta_data": meta(_deposit_value="10.00", _order_due_ammount="20.00")}


def test_an_order_with_money_due_is_held_and_a_retry_sends_the_deposit_as_its_payment() -> None:
    content = sold(refunds=()) | DEPOSIT
    held = decided(content)
    assert codes(held.reasons) == ["deposit_due"]
    assert held.reasons[0].words.startswith("only a deposit is paid: 20.00 USD of 30.00 USD are due.")
    assert sent(decided(content, None, "deposit_due")) == (BOTH, "10.00", "30.00")


@pytest.mark.parametrize("plugin", ["_wc_deposits", "_awcdp_deposits"])
def test_other_plugins_deposits_are_known_until_the_rest_is_paid(plugin: str) -> None:
    orders = [
        sold(refunds=(), meta_data=meta(**{f"{plugin}_second_payment": "20.00", f"{plugin}_second_payment_paid": paid}))
        for paid in ("no", "yes")
    ]
    assert codes(decided(orders[0]).reasons) == ["deposit_due"]
    assert sent(decided(orders[1])) == (BOTH, "30.00", "30.00")


@pytest.mark.parametrize("due", ["0", "0.00", "", "-1.00", 0, None])
def test_an_order_with_nothing_due_is_sent_as_paid(due: Any) -> None:
    content = sold(refunds=(), meta_data=meta(_order_due_ammount=due))
    assert sent(decided(content)) == (BOTH, "30.00", "30.00")


def test_money_due_that_cannot_be_read_holds_the_order() -> None:
    held = decided(sold(refunds=(), meta_data=meta(_order_due_ammount="12,50")))
    assert codes(held.reasons) == ["deposit_due"]
    assert "'12,50'" in held.reasons[0].words


@pytest.mark.parametrize("due", [["20.00"], {"due": "20.00"}, ["20.00", "5.00"], True, 10**30, "NAN", "-Infinity"])
def test_money_due_in_another_form_is_never_taken_for_none(due: Any) -> None:
    entry = {"id": 1, "key": "_order_due_ammount", "value": due}
    assert codes(decided(sold(refunds=(), meta_data=[entry])).reasons) == ["deposit_due"]


def test_the_rest_of_a_deposit_that_is_paid_later_needs_a_person() -> None:
    rest = {"meta_data": meta(_deposit_value="10.00", _order_due_ammount="0")}
    found = changes_since(sent=read(sold(refunds=()) | DEPOSIT), now=read(sold(refunds=()) | rest))
    assert codes(found) == ["deposit_rest_paid"]
    assert changes_since(sent=read(sold(refunds=()) | DEPOSIT), now=read(sold(refunds=()) | DEPOSIT)) == ()


EUROS = (replace(maps("product:1", 1), price=Decimal(9), currency="EUR"), *MAPPINGS.mappings[1:])


def in_euros(choice: OtherCurrency, **changes: Any) -> Any:
    policy = replace(AUTO, other_currency=choice)
    return decide(read(sold(refunds=(), **changes)), replace(MAPPINGS, mappings=EUROS), policy)


def test_an_order_in_another_currency_is_held_sent_as_it_is_or_sent_without_amounts() -> None:
    assert codes(in_euros(OtherCurrency.HOLD).reasons) == ["currency_differs"]
    plain = in_euros(OtherCurrency.SEND)
    assert sent(plain) == (BOTH, "30.00", "30.00")
    assert [str(each.unit_price) for each in plain.request.items] == ["10.00", "10.00"]
    create = in_euros(OtherCurrency.OMIT_AMOUNTS)
    assert isinstance(create, Create)
    request = create.request
    assert (request.status, request.payment_amount, request.adjustment) == ("payment_submitted", None, None)
    assert [each.unit_price for each in request.items] == [None, None]
    assert (create.reckoning, create.quote_shape) == (None, None)


@pytest.mark.parametrize("mode", AdjustmentMode)
def test_no_mode_of_adjustment_sends_an_amount_that_is_to_be_omitted(mode: AdjustmentMode) -> None:
    policy = replace(POLICY, other_currency=OtherCurrency.OMIT_AMOUNTS, adjustment=mode)
    content = sold(refunds=(), fee_lines=[{"name": "Tip", "total": "2.00"}], total="32.00")
    create = decide(read(content), replace(MAPPINGS, mappings=EUROS), policy)
    assert isinstance(create, Create)
    assert (create.request.payment_amount, create.request.adjustment) == (None, None)


def test_an_order_without_amounts_needs_no_price_of_panelrs() -> None:
    policy = replace(POLICY, other_currency=OtherCurrency.OMIT_AMOUNTS, adjustment=AdjustmentMode.MATCH_TOTAL)
    unpriced = tuple(replace(each, price=None) for each in EUROS)
    assert isinstance(decide(read(sold(refunds=())), replace(MAPPINGS, mappings=unpriced), policy), Create)


def test_amounts_are_omitted_in_another_currency_only() -> None:
    create = in_euros(OtherCurrency.OMIT_AMOUNTS, line_items=[ONCE], total="10.00")
    assert sent(create) == ([(2, 1)], "10.00", "10.00")
