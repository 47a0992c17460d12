"""deliveries: list and show the stored deliveries, replay them and resolve unread ones."""

from typing import Annotated

import typer
from rich.markup import escape

from panelr_bridge import logs
from panelr_bridge.application.bridge import DeliveryResult
from panelr_bridge.application.container import open_container
from panelr_bridge.application.panelr_caller import utc_now
from panelr_bridge.application.unread_deliveries import forget_refused, resolve_by_hand
from panelr_bridge.cli import deliveries_output
from panelr_bridge.cli.console import out
from panelr_bridge.cli.startup import ACTOR, require_file, require_migrated, run, run_with_database
from panelr_bridge.domain.operator_input import ResolveDeliveryInput, read_options
from panelr_bridge.errors import BridgeError, Conflict, InvalidValue, NotFound
from panelr_bridge.settings import DEFAULT_STORE, Settings, load_settings, require_ready
from panelr_bridge.store import deliveries
from panelr_bridge.store.database import Database, is_unavailable, open_database
from panelr_bridge.store.pagination import PageQuery, ResultPage, delivery_list
from panelr_bridge.store.rows import DeliveryRow, ListedDeliveryRow

app = typer.Typer(
    help="List and show the stored deliveries, replay them and resolve unread ones.",
    no_args_is_help=True,
    add_completion=False,
)
log = logs.get(__name__)

LARGEST_ID = 2**63 - 1
NumberArgument = Annotated[
    int, typer.Argument(min=1, max=LARGEST_ID, help="The delivery's id: the first column of deliveries list.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command("list")
def list_deliveries(
    *,
    unresolved: Annotated[
        bool, typer.Option("--unresolved", help="Only unread deliveries: no order came, and nothing made up for it.")
    ] = False,
    store: Annotated[str | None, typer.Option(help="Only deliveries to this store.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only this topic, such as order.updated.")] = None,
    verdict: Annotated[
        str | None,
        typer.Option(help="Only this verdict: order, deleted, other_topic, woocommerce_error, unreadable or failed."),
    ] = None,
    order: Annotated[
        int | None, typer.Option(min=1, max=LARGEST_ID, help="Only deliveries about this WooCommerce order id.")
    ] = None,
    page: Annotated[int, typer.Option(min=1, help="Page to print.")] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100, help="Deliveries on each page.")] = 20,
    json: JsonOption = False,
) -> None:
    """List deliveries, newest first. Times are UTC."""
    values = {"store": store, "topic": topic, "verdict": verdict, "woo_order_id": order, "unresolved": unresolved}
    filters = {name: value for name, value in values.items() if value not in {None, False}}
    query = PageQuery(filters=filters, page=page, per_page=per_page)

    async def work(database: Database, _: Settings) -> ResultPage[ListedDeliveryRow]:
        return await database.read(delivery_list.page, query)

    deliveries_output.print_page(run_with_database(work), query, as_json=json)


@app.command()
def show(
    number: NumberArgument,
    *,
    body: Annotated[
        bool, typer.Option("--body", help="Print the body alone, byte for byte. It holds the customer's data.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show a delivery without its body. Times are UTC."""
    if body and json:
        raise InvalidValue("give --body or --json, not both")

    async def work(database: Database, _: Settings) -> DeliveryRow:
        return await _find(database, number)

    row = run_with_database(work)
    if body:
        deliveries_output.print_body(row)
    else:
        deliveries_output.print_delivery(row, as_json=json)


@app.command()
def replay(number: NumberArgument, *, json: JsonOption = False) -> None:
    """Process a stored delivery again. Finished work is not repeated.

    The exit code is 1 if the delivery still cannot be read.
    """
    result = run(_replay(number))
    deliveries_output.print_result(number, result, as_json=json)
    if result.verdict in deliveries.UNREAD_VERDICTS:
        raise typer.Exit(1)


async def _replay(number: int) -> DeliveryResult:
    settings = load_settings()
    require_ready(settings)
    require_file(settings.database_url)
    async with open_database(settings.database_url) as database:
        await require_migrated(database)
        row = await _find(database, number)
    async with open_container(settings) as container:
        try:
            return await container.bridge.replay(row, actor=ACTOR)
        except Exception as error:
            if isinstance(error, BridgeError) or is_unavailable(error):
                raise
            log.exception("delivery.failed", delivery=number)
            words = f"delivery {number} cannot be processed because of a fault in the bridge: {type(error).__name__}"
            raise Conflict(f"{words}. It stays {row['verdict']}") from error


@app.command()
def resolve(
    numbers: Annotated[
        list[int] | None,
        typer.Argument(min=1, max=LARGEST_ID, help="The ids of one or more deliveries. Left out with --refused."),
    ] = None,
    *,
    note: Annotated[str, typer.Option("--note", help="What was found or done. The audit log keeps it.")],
    refused: Annotated[
        bool, typer.Option("--refused", help="Resolve the refused deliveries of a store in place of stored ones.")
    ] = False,
    store: Annotated[str, typer.Option("--store", help="Name of the store, with --refused.")] = DEFAULT_STORE,
) -> None:
    """Say that unread deliveries are dealt with: check no longer reports them.

    The same bytes, received again, are unread again. With --refused: deliveries with a wrong secret.
    """
    if bool(numbers) == refused:
        raise InvalidValue("name either deliveries, as in deliveries resolve 1 2, or give --refused")
    words = read_options(ResolveDeliveryInput, note=note).note

    async def work(database: Database, _: Settings) -> None:
        if refused:
            await database.write(forget_refused, utc_now(), store=store, note=words, actor=ACTOR)
            out.print(f"the refused deliveries of {escape(store)} are resolved")
        for number in numbers or ():
            await database.write(resolve_by_hand, utc_now(), number, note=words, actor=ACTOR)
            out.print(f"delivery {number} is resolved")

    run_with_database(work)


async def _find(database: Database, number: int) -> DeliveryRow:
    row = await database.read(deliveries.get, number)
    if row is None:
        raise NotFound(f"there is no delivery {number}: see panelr-bridge deliveries list")
    return row
