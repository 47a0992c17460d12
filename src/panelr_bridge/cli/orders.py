"""orders: list and show the orders in the bridge, and act on them."""

from functools import partial
from typing import Annotated, Any

import typer
from rich.markup import escape

from panelr_bridge.application import bulk_retry, operator_actions, order_queries, resolve_order
from panelr_bridge.application.bulk_retry import BulkRetryResult
from panelr_bridge.application.choose_activation import choose_activations
from panelr_bridge.application.container import call_policy
from panelr_bridge.application.find_work_order import find_work_order
from panelr_bridge.application.order_queries import OrderStory
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.cli.console import out, style_state
from panelr_bridge.cli.orders_output import count_orders, print_bulk_retry, print_page, print_story, reason_text
from panelr_bridge.cli.panelr_access import open_caller
from panelr_bridge.cli.startup import ACTOR, run_with_database
from panelr_bridge.domain.operator_input import AcknowledgeInput, CloseInput, ResolveInput, read_options
from panelr_bridge.domain.panelr_values import WorkOrder
from panelr_bridge.errors import InvalidValue, NotFound
from panelr_bridge.settings import DEFAULT_STORE, Settings
from panelr_bridge.store import orders
from panelr_bridge.store.database import Database
from panelr_bridge.store.pagination import PageQuery, ResultPage
from panelr_bridge.store.rows import ShownOrderRow

app = typer.Typer(
    help="List and show the orders in the bridge, and act on them.", no_args_is_help=True, add_completion=False
)

LARGEST_ID = 2**63 - 1
NumberArgument = Annotated[
    int, typer.Argument(min=1, max=LARGEST_ID, help="The bridge's id of the order: the first column of orders list.")
]
WooOption = Annotated[bool, typer.Option("--woo", help="The number is WooCommerce's order id.")]
StoreOfNumberOption = Annotated[str, typer.Option("--store", help="Name of the store, with --woo.")]


@app.command("list")
def list_orders(
    states: Annotated[
        str | None, typer.Option("--state", help="Only orders in these states, separated by commas.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="Only orders of this store.")] = None,
    attention: Annotated[
        bool | None, typer.Option(help="Only orders that need an operator, or only the others.")
    ] = None,
    page: Annotated[int, typer.Option(min=1, help="Page to print.")] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100, help="Orders on each page.")] = 20,
) -> None:
    """List orders, newest first."""
    values = {
        "state": None if states is None else order_queries.parse_states(states),
        "store": store,
        "attention": attention,
    }
    filters = {name: value for name, value in values.items() if value is not None}

    async def work(database: Database, _: Settings) -> ResultPage[ShownOrderRow]:
        return await order_queries.list_orders(database, PageQuery(filters=filters, page=page, per_page=per_page))

    print_page(run_with_database(work))


@app.command()
def show(number: NumberArgument, *, woo: WooOption = False, store: StoreOfNumberOption = DEFAULT_STORE) -> None:
    """Show an order with its money, deliveries, calls and follow-ups. Times are UTC."""

    async def work(database: Database, _: Settings) -> OrderStory:
        return await order_queries.read_story(database, await _find_id(database, number, woo=woo, store=store))

    print_story(run_with_database(work))


@app.command()
def retry(
    number: Annotated[
        int | None, typer.Argument(min=1, max=LARGEST_ID, help="The bridge's id of one order. Left out with --state.")
    ] = None,
    *,
    states: Annotated[
        str | None,
        typer.Option("--state", help="Retry all orders in these states: held, queued, refused, unconfirmed."),
    ] = None,
    woo: WooOption = False,
    store: Annotated[
        str | None, typer.Option("--store", help="Only orders of this store. With --woo: the order's store.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Retry at most this many orders, with --state.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the orders, with --state.")] = False,
) -> None:
    """Decide an order again with its current mappings, and call Panelr again if needed.

    The worker makes the call. An unconfirmed order is looked up in Panelr first.
    With --state, all orders in these states are retried, the oldest first: --state queued,refused
    """
    if (number is None) == (states is None):
        raise InvalidValue("name either one order, as in orders retry 1, or states, as in orders retry --state refused")
    if states is not None:
        _retry_many(states, store=store, limit=limit, dry_run=dry_run)
        return
    if limit is not None or dry_run:
        raise InvalidValue("--limit and --dry-run go with --state")

    async def work(database: Database, settings: Settings) -> ShownOrderRow:
        order_id = await _find_id(database, number or 0, woo=woo, store=store or DEFAULT_STORE)
        await database.write(operator_actions.retry, utc_now(), order_id, policy=settings.policy, actor=ACTOR)
        return (await order_queries.read_story(database, order_id)).order

    _print_state(run_with_database(work))


@app.command()
def resolve(
    number: NumberArgument,
    *,
    reference_code: Annotated[
        str | None, typer.Option("--reference", help="Reference code of the order's work order in Panelr.")
    ] = None,
    work_order_id: Annotated[
        int | None, typer.Option("--work-order-id", min=1, help="Panelr's id of the work order.")
    ] = None,
    not_created: Annotated[
        bool, typer.Option("--not-created", help="Panelr has no work order of this order: it is sent again.")
    ] = False,
    activation_ids: Annotated[
        list[int] | None,
        typer.Option(
            "--activation",
            min=1,
            help="Panelr's id of the line that a held renewal is for. Repeated if several items lack one.",
        ),
    ] = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Link the work order without asking Panelr about it.")
    ] = False,
    woo: WooOption = False,
    store: StoreOfNumberOption = DEFAULT_STORE,
) -> None:
    """Link an order to its work order in Panelr, or state that Panelr has none.

    Panelr is asked first whether the work order is this customer's, and what it is.
    An order that a person or a look-up linked can be resolved again.
    With --activation, a held renewal gets the line that it is for; the worker sends it.
    """
    given = read_options(
        ResolveInput,
        reference_code=reference_code,
        work_order_id=work_order_id,
        not_created=not_created,
        activation_id=activation_ids or None,
        unverified=unverified,
    )
    named = WorkOrder(reference_code=given.reference_code, work_order_id=given.work_order_id)

    async def work(database: Database, settings: Settings) -> ShownOrderRow:
        order_id = await _find_id(database, number, woo=woo, store=store)
        if given.activations:
            policy = settings.policy
            await database.write(choose_activations, utc_now(), order_id, given.activations, policy=policy, actor=ACTOR)
        elif not_created:
            await database.write(resolve_order.confirm_not_created, utc_now(), order_id, actor=ACTOR)
        elif unverified:
            await database.write(resolve_order.link_work_order, utc_now(), order_id, named, actor=ACTOR)
        else:
            async with open_caller(database, settings) as caller:
                found = await find_work_order(caller, order_id, named, call_policy=call_policy(settings))
                await caller.write(
                    resolve_order.link_work_order, order_id, found.work_order, actor=ACTOR, verified=found
                )
        return (await order_queries.read_story(database, order_id)).order

    _print_state(run_with_database(work))


@app.command()
def acknowledge(
    number: NumberArgument,
    *,
    note: Annotated[str, typer.Option("--note", help="What was found or done, in words, up to 500 characters.")],
    codes: Annotated[
        list[str] | None,
        typer.Option("--code", help="Only the reason with this code; may be repeated. All by default."),
    ] = None,
    woo: WooOption = False,
    store: StoreOfNumberOption = DEFAULT_STORE,
) -> None:
    """Acknowledge an order's attention: it leaves the list, and the same reason is not raised again."""
    given = read_options(AcknowledgeInput, note=note, codes=codes or None)
    action = partial(operator_actions.acknowledge, note=given.note, codes=given.codes, actor=ACTOR)
    left = _act(number, action, woo=woo, store=store)["attention"] or []
    more = f"; attention left: {', '.join(reason['code'] for reason in left)}" if left else ""
    out.print(f"acknowledged{escape(more)}")


@app.command()
def close(
    number: NumberArgument,
    *,
    why: Annotated[str, typer.Option("--why", help="The reason, for the audit log, up to 500 characters.")],
    woo: WooOption = False,
    store: StoreOfNumberOption = DEFAULT_STORE,
) -> None:
    """Close an order, so that it never reaches Panelr. It stays closed until it is retried."""
    given = read_options(CloseInput, why=why)
    _print_state(_act(number, partial(operator_actions.close, why=given.why, actor=ACTOR), woo=woo, store=store))


def _act(number: int, action: Any, *, woo: bool, store: str) -> ShownOrderRow:
    """Run the transaction `action` on an order, and return the order as it is since."""

    async def work(database: Database, _: Settings) -> ShownOrderRow:
        order_id = await _find_id(database, number, woo=woo, store=store)
        await database.write(action, utc_now(), order_id)
        return (await order_queries.read_story(database, order_id)).order

    return run_with_database(work)


def _retry_many(states: str, *, store: str | None, limit: int | None, dry_run: bool) -> None:
    """Retry the orders in these states, or count them."""
    chosen = bulk_retry.parse_retryable(states)

    async def count(database: Database, _: Settings) -> dict[str, int]:
        return await bulk_retry.count_matching(database, states=chosen, store=store)

    async def work(database: Database, settings: Settings) -> BulkRetryResult:
        async def write(transaction: Any, *args: Any, **more: Any) -> Any:
            return await database.write(transaction, utc_now(), *args, **more)

        return await bulk_retry.retry_many(
            database, write, states=chosen, store=store, limit=limit, policy=settings.policy, actor=ACTOR
        )

    if not dry_run:
        print_bulk_retry(run_with_database(work))
        return
    counts = run_with_database(count)
    by_state = ", ".join(f"{count} {style_state(state)}" for state, count in sorted(counts.items()))
    out.print(f"{count_orders(counts)} would be retried{f': {by_state}' if by_state else ''}")


async def _find_id(database: Database, number: int, *, woo: bool, store: str) -> int:
    """Return the bridge's id of an order. Raises NotFound for an unknown WooCommerce order id."""
    if not woo:
        return number
    row = await database.read(orders.find, store=store, woo_order_id=number)
    if row is None:
        raise NotFound(f"the bridge has no order {number} of the store {store}")
    return row["id"]


def _print_state(order: ShownOrderRow) -> None:
    reasons = "; ".join(reason_text(reason) for reason in order["reasons"])
    note = f" ({escape(reasons)})" if reasons else ""
    out.print(f"order {order['woo_order_number']} is now {style_state(order['state'])}{note}")
