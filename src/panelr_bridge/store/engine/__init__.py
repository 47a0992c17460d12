"""How the two databases are driven: pools, batches of statements, SQLite's writer. Private to the store.

Its public names are these three.
"""

from panelr_bridge.store.engine.compiled import CompiledStatement
from panelr_bridge.store.engine.connect import Database, connect

__all__ = ["CompiledStatement", "Database", "connect"]
