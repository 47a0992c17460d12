"""All tables together: importing this fills the metadata, which migrations and tests compare."""

from panelr_bridge.store import mapping_tables, panelr_tables, tables
from panelr_bridge.store.column_types import metadata

__all__ = ["mapping_tables", "metadata", "panelr_tables", "tables"]
