"""Store one of Panelr's lists."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.domain.panelr_values import PanelrPaymentMethod, PanelrProduct
from panelr_bridge.store import catalogue, mappings
from panelr_bridge.store.catalogue import Offered


def save_list(
    connection: Connection, _: datetime, kind: type[Offered], items: Sequence[Offered], *, seen_at: datetime
) -> bool:
    """Replace one of Panelr's lists; return whether orders that wait for a mapping must be decided again.

    They must if a field that decisions use has changed. The list's row is locked before the mapping revisions.
    """
    before = catalogue.replace(connection, kind, items, seen_at=seen_at)
    if before is None or _decision_fields(before) == _decision_fields(items):
        return False
    mappings.increment_revision(connection, *catalogue.stores_with_mappings(connection))
    return True


def _decision_fields(items: Sequence[PanelrProduct] | Sequence[PanelrPaymentMethod]) -> dict[int, tuple[object, ...]]:
    """Return each item's fields that decisions use, by the item's id."""
    return {item.id: _fields_of(item) for item in items}


def _fields_of(item: PanelrProduct | PanelrPaymentMethod) -> tuple[object, ...]:
    if isinstance(item, PanelrProduct):
        return item.price, item.currency, item.plugin_id, item.connections
    return item.adjustment_direction, item.adjustment_mode, item.adjustment_value
