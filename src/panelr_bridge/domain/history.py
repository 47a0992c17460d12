"""What is known of the earlier orders of an order's subscriptions, and of the lines that they brought. No I/O."""

from dataclasses import dataclass

from panelr_bridge.domain.relation import RelationKind


@dataclass(frozen=True, slots=True)
class Activation:
    """A line at Panelr that an order brought or renewed; the product is None if Panelr does not show it."""

    id: int
    product_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierOrder:
    """An order of the same subscription, or the one that an order continues.

    `state` is None for an order that the bridge does not know. `awaits_line`: its work order exists or will exist, and
    the lines that it brings are not known yet.
    """

    woo_order_id: int
    kind: RelationKind
    state: str | None = None
    reference_code: str | None = None
    activations: tuple[Activation, ...] = ()
    awaits_line: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The earlier orders of an order's subscriptions, the oldest first.

    `may_ask`: the store can be asked for them, and was not asked yet. `chosen` are the activations that a person chose
    for the order's items, in their sequence. `others` are lines of the customer that belong to other subscriptions.
    """

    orders: tuple[EarlierOrder, ...] = ()
    may_ask: bool = False
    chosen: tuple[int, ...] = ()
    others: frozenset[int] = frozenset()

    @property
    def awaited(self) -> EarlierOrder | None:
        """The first order whose lines are not known yet."""
        return next((each for each in self.orders if each.awaits_line), None)

    def find(self, woo_order_id: int | None) -> EarlierOrder | None:
        """Return what is known of an order."""
        return next((each for each in self.orders if each.woo_order_id == woo_order_id), None)

    @property
    def lines(self) -> tuple[Activation, ...]:
        """The known lines of the subscription, each once.

        What a renewal of the same subscription renewed is more exact than what the first order brought, which may have
        begun other subscriptions too.
        """
        renewed = [each for order in self.orders if order.kind is not RelationKind.FIRST for each in order.activations]
        brought = [each for order in self.orders if order.kind is RelationKind.FIRST for each in order.activations]
        return tuple({each.id: each for each in renewed or brought}.values())


NO_HISTORY = History()
