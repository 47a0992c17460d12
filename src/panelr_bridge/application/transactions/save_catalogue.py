"""Store one of Panelr's lists."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from panelr_bridge.domain.models import PanelrProduct
from panelr_bridge.store import catalogue, mappings
from panelr_bridge.store.catalogue import Offered


def save_list(
    connection: Connection, _: datetime, kind: type[Offered], items: Sequence[Offered], *, seen_at: datetime
) -> bool:
    """Replace one of Panelr's lists; return whether orders that wait for a mapping must be decided again.

    They must if a field that decisions use has changed. The list's row is locked before the mapping revisions.
    """
    before = catalogue.replace(connection, kind, items, seen_at=seen_at)
    if before is None or kind is not PanelrProduct or _decision_fields(before) == _decision_fields(items):
        return False
    mappings.increment_revision(connection, *catalogue.stores_with_mappings(connection))
    return True


def _decision_fields(items: Sequence[object]) -> dict[int, tuple[object, ...]]:
    """Return each product's fields that decisions use, by the product's id."""
    return {
        item.id: (item.price, item.currency, item.plugin_id, item.connections)
        for item in items
        if isinstance(item, PanelrProduct)
    }
