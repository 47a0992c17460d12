"""For any order: Panelr's total of the work order, by its own arithmetic, is what the customer paid."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given

from panelr_bridge.domain.call_outcome import Done
from panelr_bridge.domain.decision import Create, decide
from panelr_bridge.domain.models import AdjustmentMode, OrderMappings, WorkOrderRequest
from panelr_bridge.domain.money import CENT
from panelr_bridge.domain.panelr_values import CartQuote, PanelrFacts
from panelr_bridge.domain.reckoning import check_total
from panelr_bridge.panelr.quote import cart_quote
from panelr_bridge.panelr.request import dump, quote_cart
from panelr_bridge.simulators.panelr.api_call import ApiCall
from panelr_bridge.simulators.panelr.envelope import parse_json
from panelr_bridge.simulators.panelr.quote_cart import quote_cart as answer_quote
from panelr_bridge.simulators.panelr.work_order_input import parse_new_work_order
from tests.support.decisions import POLICY, read
from tests.support.priced_orders import METHOD, Sale, sales
from tests.support.properties import SHARE, examples

AUTO = replace(POLICY, adjustment=AdjustmentMode.AUTO)
NEWER = PanelrFacts(honours_unit_price=True, adds_method_adjustment=True, knows_quotes=True)
OLDER = PanelrFacts(honours_unit_price=False, adds_method_adjustment=False, knows_quotes=False)


def decided(sale: Sale, facts: PanelrFacts) -> Create:
    """Decide the order of a sale, with Panelr's quote if one is needed."""
    mappings = OrderMappings(
        mappings=sale.mappings, payment_method_id=METHOD, revision=1, method_adjustment=sale.method, facts=facts
    )
    found = decide(read(sale.order), mappings, AUTO)
    assert isinstance(found, Create), found
    if found.quote_shape is None:
        return found
    quoted = decide(
        read(sale.order), replace(mappings, quotes={found.quote_shape: quote_of(sale, found.request)}), AUTO
    )
    assert isinstance(quoted, Create)
    assert quoted.quote_shape is None
    return quoted


def quote_of(sale: Sale, request: WorkOrderRequest) -> CartQuote:
    """Return the simulated Panelr's quote, as the bridge reads it."""
    body = quote_cart(request).body or b""
    call = ApiCall("quote_cart", "POST", {}, "key", "127.0.0.1", "application/json", body, 0.0)
    quote = cart_quote(Done(words="done", data=answer_quote(sale.panel, call)))
    assert isinstance(quote, CartQuote)
    return quote


def total_of(sale: Sale, request: WorkOrderRequest) -> Decimal:
    """Return the simulated Panelr's total of a work order by this request."""
    new = parse_new_work_order(
        parse_json(dump(request)), products=sale.panel.products, methods=sale.panel.payment_methods, strict=True
    )
    return sale.panel.create(new).charges.order_total


def test_panelrs_total_is_what_was_paid() -> None:
    adjusted: list[Decimal] = []

    @examples(300)
    @given(sale=sales())
    def holds(sale: Sale) -> None:
        create = decided(sale, NEWER)
        request, total = create.request, total_of(sale, create.request)
        assert abs(total - sale.total) <= CENT
        assert create.reckoning is not None
        assert request.payment_amount == create.reckoning.target
        assert abs(total - create.reckoning.target) <= CENT
        assert not check_total(create.reckoning, total, NEWER).differs
        if request.adjustment is not None:
            adjusted.append(request.adjustment.amount)

    holds()
    assert len(adjusted) > 60 * SHARE  # orders that need no adjustment would prove little


@examples(150)
@given(sale=sales(generation=1))
def test_the_adjustment_makes_up_for_the_list_prices_of_an_older_panelr(sale: Sale) -> None:
    create = decided(sale, OLDER)
    assert abs(total_of(sale, create.request) - sale.total) <= CENT


def test_the_totals_of_an_older_panelr_show_how_it_reckons() -> None:
    """A total that more than one assumption explains teaches a part; the next order then shows the rest."""
    learned = 0

    @examples(150)
    @given(sale=sales(generation=1))
    def holds(sale: Sale) -> None:
        nonlocal learned
        facts = PanelrFacts(knows_quotes=False)
        for _ in range(3):
            create = decided(sale, facts)
            total = total_of(sale, create.request)
            assume(total > 0)  # a total that a discount would make negative shows nothing
            assert create.reckoning is not None
            check = check_total(create.reckoning, total, facts)
            learned += check.learned is not None
            facts = check.learned or facts
        assert not check.differs

    holds()
    assert learned > 30 * SHARE
