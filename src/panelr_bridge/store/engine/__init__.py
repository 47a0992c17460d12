"""The driver layer for both databases: pools, statement batches, SQLite's writer. Private to the store.

Its public names are `Database`, `connect` and `CompiledStatement`. It imports nothing else of the store.
"""

from panelr_bridge.store.engine.compiled import CompiledStatement
from panelr_bridge.store.engine.connect import Database, connect

__all__ = ["CompiledStatement", "Database", "connect"]
